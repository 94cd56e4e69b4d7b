//! Conditions in CEL (the Common Expression Language, cel.dev), checked when they are loaded. The
//! only module that knows the crate behind it.
//!
//! What differs from plain CEL, so that a rule means what it says:
//! - Every number is one kind (a double): `descriptors / limit.descriptors` is a share, not 0.
//! - A division by zero fails, it is not infinite.
//! - A variable that is not measured makes what needs it *undecided*: `false && unknown` is false,
//!   `true || unknown` is true, all else is undecided. It is neither true nor an error. Whether a
//!   variable is measured is asked by `known(NAME)`, which is true or false.
//! - No loops: no macros, maps or messages. So a condition takes no longer than it is long.

mod check;

use std::{ops::Range, sync::Arc};

use cel::{
    Context, Env, ExecutionError, IdedExpr, Value as CelValue,
    common::{
        types::{CelBool, CelDouble, CelString, DOUBLE_TYPE},
        value::CowVal,
    },
    context::VariableResolver,
    parser::Parser,
};

use super::{Subject, Value, Variable};

/// Characters of a condition at most.
pub(super) const MAX_LENGTH: usize = 4096;
/// How deep a condition may be nested.
const MAX_DEPTH: u16 = 48;
/// The function that a division becomes.
const DIVIDE: &str = "divide";
/// The function that asks whether a variable is measured. It becomes a variable of its own: the place
/// of the one in question after this sign.
const KNOWN: &str = "known";
const IS_KNOWN: char = '?';

/// What is wrong with a condition, and where: bytes of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: Range<usize>,
    pub(super) message: String,
}

/// What a condition says of a subject at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// It needs what is not known.
    Undecided,
}

/// A checked condition.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    expression: IdedExpr,
    /// What it uses; in the expression they go by their place in here.
    variables: Vec<Variable>,
}

/// The standard functions and a division that fails by zero.
#[derive(Clone)]
pub(super) struct Functions(Arc<Env>);

impl std::fmt::Debug for Functions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Functions")
    }
}

impl Default for Functions {
    fn default() -> Self {
        let mut env = Env::stdlib();
        // It is refused only if it is there already, which the standard's is not.
        let _ = env.add_overload(DIVIDE, "divide_double", vec![DOUBLE_TYPE, DOUBLE_TYPE], divide);
        Self(Arc::new(env))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "so the crate calls a function")]
fn divide<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let number = |at: usize| {
        arguments.get(at).and_then(|it| it.downcast_ref::<CelDouble>()).map(|it| *it.inner())
    };
    let (Some(above), Some(below)) = (number(0), number(1)) else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    if below == 0.0 {
        return Err(ExecutionError::DivisionByZero(CelValue::Float(above)));
    }
    Ok(CowVal::owned(CelDouble::from(above / below)))
}

impl Condition {
    /// Parses and checks a condition about such a subject.
    pub(super) fn compile(text: &str, subject: Subject) -> Result<Self, Fault> {
        if text.len() > MAX_LENGTH {
            let message = format!("a condition has at most {MAX_LENGTH} characters");
            return Err(Fault { at: 0..text.len(), message });
        }
        let parser = Parser::new().max_recursion_depth(MAX_DEPTH);
        let (parsed, info) =
            parser.parse_with_source_info(text).map_err(|errors| not_cel(text, &errors.errors))?;
        let (expression, variables) = check::check(text, subject, &info, parsed)?;
        Ok(Self { expression, variables })
    }

    /// What it uses, each once.
    pub(super) fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// What it says where its variables have these values, in its order; an error if it fails.
    pub(super) fn holds<'a>(
        &self,
        functions: &Functions,
        value: impl Fn(usize) -> Value<'a> + Send + Sync,
    ) -> Result<Holds, String> {
        let values = Values(value);
        let mut context = Context::with_env(Arc::clone(&functions.0));
        context.set_variable_resolver(&values);
        match context.resolve(&self.expression) {
            Ok(CelValue::Bool(true)) => Ok(Holds::Yes),
            Ok(CelValue::Bool(false)) => Ok(Holds::No),
            // All variables are known by name: one that is not there has no value.
            Err(ExecutionError::UndeclaredReference(_)) => Ok(Holds::Undecided),
            Err(ExecutionError::DivisionByZero(_)) => Err("division by zero".to_owned()),
            Err(error) => Err(error.to_string()),
            Ok(_) => Err("it is neither true nor false".to_owned()),
        }
    }
}

/// Values by their place in the condition.
struct Values<F>(F);

impl<'a, F: Fn(usize) -> Value<'a> + Send + Sync> VariableResolver for Values<F> {
    fn resolve<'b>(&'b self, place: &str) -> Option<CowVal<'b, 'b>> {
        if let Some(asked) = place.strip_prefix(IS_KNOWN) {
            let is_known = !matches!((self.0)(asked.parse().ok()?), Value::Unknown);
            return Some(CowVal::owned(CelBool::from(is_known)));
        }
        match (self.0)(place.parse().ok()?) {
            Value::Unknown => None,
            Value::Number(number) => Some(CowVal::owned(CelDouble::from(number))),
            Value::Text(text) => Some(CowVal::owned(CelString::from(text.to_owned()))),
        }
    }
}

/// The first thing that the parser did not like, in its words without what it would have liked.
fn not_cel(text: &str, errors: &[cel::ParseError]) -> Fault {
    let Some(first) = errors.first() else {
        return Fault { at: 0..text.len(), message: "this is no CEL".to_owned() };
    };
    let start = offset_of(text, first.pos);
    if first.msg.contains("Recursion limit") {
        let message = format!("a condition is nested at most {MAX_DEPTH} deep");
        return Fault { at: start..word_end(text, start).min(text.len()), message };
    }
    let message = first.msg.split(" expecting ").next().unwrap_or_default();
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message).trim();
    Fault {
        at: start..word_end(text, start).min(text.len()),
        message: format!("this is no CEL: {message}"),
    }
}

/// The byte at which a line and a column are, both counted from 1 and in characters.
fn offset_of(text: &str, (line, column): (isize, isize)) -> usize {
    let before = usize::try_from(line - 1).unwrap_or(0);
    let start: usize = text.split_inclusive('\n').take(before).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let column = usize::try_from(column - 1).unwrap_or(0);
    start + rest.chars().take(column).map(char::len_utf8).sum::<usize>()
}

/// Where the word ends that starts here; at least one character on.
fn word_end(text: &str, start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let word: usize = rest.chars().take_while(|&c| is_word(c)).map(char::len_utf8).sum();
    let one = rest.chars().next().map_or(1, char::len_utf8);
    start + word.max(one)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
