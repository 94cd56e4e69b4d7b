//! Checks a parsed condition: which variables it uses, and whether its parts fit together. What
//! passes can fail only by a division by zero.

use std::mem::take;

use cel::{
    IdedExpr,
    common::ast::{CallExpr, Expr, ListExpr, LiteralValue, SourceInfo, operators as op},
    common::types::CelDouble,
};

use super::{DIVIDE, Fault, IS_KNOWN, KNOWN, word_end};
use crate::rule::{
    Subject, Unit, Variable,
    variable::{CUSTOM, nearest},
};

/// What an expression gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Truth,
    Number,
    Text,
    Numbers,
    Texts,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Truth => "true or false",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Numbers => "a list of numbers",
            Self::Texts => "a list of texts",
        }
    }
}

struct Checker<'a> {
    text: &'a str,
    subject: Subject,
    info: &'a SourceInfo,
    variables: Vec<Variable>,
}

/// Checks an expression; it comes back with its variables by their place in the list beside it and
/// its numbers as doubles.
pub(super) fn check(
    text: &str,
    subject: Subject,
    info: &SourceInfo,
    mut expression: IdedExpr,
) -> Result<(IdedExpr, Vec<Variable>), Fault> {
    let mut checker = Checker { text, subject, info, variables: Vec::new() };
    let kind = checker.visit(&mut expression)?;
    if kind != Kind::Truth {
        let message = format!("a condition is true or false, this is {}", kind.name());
        return Err(Fault { at: 0..text.len(), message });
    }
    if checker.variables.is_empty() {
        let message = "a condition must use a variable".to_owned();
        return Err(Fault { at: 0..text.len(), message });
    }
    Ok((expression, checker.variables))
}

impl Checker<'_> {
    fn fault<T>(&self, id: u64, message: impl Into<String>) -> Result<T, Fault> {
        let (start, stop) = self.info.offset_for(id).unwrap_or((0, 0));
        let start = self.byte(start);
        let end = self.byte(stop.saturating_add(1)).max(word_end(self.text, start));
        Err(Fault { at: start..end.min(self.text.len()), message: message.into() })
    }

    /// The parser counts characters.
    fn byte(&self, character: u32) -> usize {
        let at = usize::try_from(character).unwrap_or(usize::MAX);
        self.text.char_indices().nth(at).map_or(self.text.len(), |(byte, _)| byte)
    }

    fn visit(&mut self, it: &mut IdedExpr) -> Result<Kind, Fault> {
        let id = it.id;
        if let Some((name, root)) = name_of(it) {
            it.expr = Expr::Ident(self.variable(&name, root)?.to_string());
            return Ok(self.kind_of_last(&it.expr));
        }
        if let Some((name, root)) = asked_for(it) {
            it.expr = Expr::Ident(format!("{IS_KNOWN}{}", self.variable(&name, root)?));
            return Ok(Kind::Truth);
        }
        match &mut it.expr {
            Expr::Literal(literal) => match number(literal) {
                Some(number) => {
                    *literal = LiteralValue::Double(CelDouble::from(number));
                    Ok(Kind::Number)
                }
                None => self.literal(id, literal),
            },
            Expr::List(list) => self.list(id, list),
            Expr::Call(call) => self.call(id, call),
            _ => {
                self.fault(id, "a condition has no maps, messages or macros (has, all, exists, …)")
            }
        }
    }

    fn kind_of_last(&self, expression: &Expr) -> Kind {
        let Expr::Ident(place) = expression else { return Kind::Number };
        let variable = place.parse::<usize>().ok().and_then(|at| self.variables.get(at));
        match variable.map(Variable::unit) {
            Some(Unit::Text) => Kind::Text,
            _ => Kind::Number,
        }
    }

    /// The place of a variable in the list, into which it comes at its first use.
    fn variable(&mut self, name: &str, root: u64) -> Result<usize, Fault> {
        let Some(variable) = Variable::find(self.subject, name) else {
            let start = self.byte(self.info.offset_for(root).map_or(0, |(start, _)| start));
            return Err(Fault {
                at: start..word_end(self.text, start).min(self.text.len()),
                message: unknown(self.subject, name),
            });
        };
        if let Some(at) = self.variables.iter().position(|it| *it == variable) {
            return Ok(at);
        }
        self.variables.push(variable);
        Ok(self.variables.len() - 1)
    }

    fn literal(&self, id: u64, literal: &LiteralValue) -> Result<Kind, Fault> {
        match literal {
            LiteralValue::Boolean(_) => Ok(Kind::Truth),
            LiteralValue::String(_) => Ok(Kind::Text),
            LiteralValue::Null => self.fault(
                id,
                "null cannot be compared with: a condition that needs what is not known is \
                 undecided by itself",
            ),
            _ => self.fault(id, "a condition has no bytes: write a text or a number"),
        }
    }

    fn list(&mut self, id: u64, list: &mut ListExpr) -> Result<Kind, Fault> {
        let mut kinds = Vec::new();
        for element in &mut list.elements {
            kinds.push(self.visit(element)?);
        }
        match kinds.first() {
            Some(Kind::Number) if kinds.iter().all(|kind| *kind == Kind::Number) => {
                Ok(Kind::Numbers)
            }
            Some(Kind::Text) if kinds.iter().all(|kind| *kind == Kind::Text) => Ok(Kind::Texts),
            _ => self.fault(id, "a list is of numbers or of texts"),
        }
    }

    fn call(&mut self, id: u64, call: &mut CallExpr) -> Result<Kind, Fault> {
        let mut kinds = Vec::new();
        for part in call.target.as_deref_mut().into_iter().chain(&mut call.args) {
            kinds.push(self.visit(part)?);
        }
        let is_method = call.target.is_some();
        let result = match (call.func_name.as_str(), is_method, kinds.as_slice()) {
            (op::LOGICAL_AND | op::LOGICAL_OR, false, [Kind::Truth, Kind::Truth])
            | (op::LOGICAL_NOT, false, [Kind::Truth])
            | (
                op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS,
                false,
                [Kind::Number, Kind::Number],
            )
            | (op::IN, false, [Kind::Number, Kind::Numbers] | [Kind::Text, Kind::Texts])
            | ("startsWith" | "endsWith" | "contains", true, [Kind::Text, Kind::Text]) => {
                Kind::Truth
            }
            (op::EQUALS | op::NOT_EQUALS, false, [left, right])
                if left == right && !matches!(left, Kind::Numbers | Kind::Texts) =>
            {
                Kind::Truth
            }
            (
                op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE,
                false,
                [Kind::Number, Kind::Number],
            )
            | (op::NEGATE, false, [Kind::Number]) => Kind::Number,
            (op::CONDITIONAL, false, [Kind::Truth, yes, no]) if yes == no => *yes,
            (name, ..) => {
                let message = misfit(name, &kinds);
                return self.fault(id, message);
            }
        };
        if call.func_name == op::DIVIDE {
            DIVIDE.clone_into(&mut call.func_name);
        }
        Ok(result)
    }
}

/// The dotted name that an expression spells, and the id of its first part: `a.b`, and
/// `custom["b"]`.
fn name_of(it: &mut IdedExpr) -> Option<(String, u64)> {
    match &mut it.expr {
        Expr::Ident(name) => Some((take(name), it.id)),
        Expr::Select(select) if !select.test => {
            let (before, root) = name_of(&mut select.operand)?;
            Some((format!("{before}.{}", select.field), root))
        }
        Expr::Call(call) if call.func_name == op::INDEX => match call.args.as_slice() {
            [
                IdedExpr { expr: Expr::Ident(name), id },
                IdedExpr { expr: Expr::Literal(LiteralValue::String(field)), .. },
            ] if name == CUSTOM => Some((format!("{CUSTOM}.{}", field.inner()), *id)),
            _ => None,
        },
        _ => None,
    }
}

/// The variable of which `known(NAME)` asks.
fn asked_for(it: &mut IdedExpr) -> Option<(String, u64)> {
    match &mut it.expr {
        Expr::Call(call) if call.func_name == KNOWN && call.target.is_none() => {
            match call.args.as_mut_slice() {
                [asked] => name_of(asked),
                _ => None,
            }
        }
        _ => None,
    }
}

fn number(literal: &LiteralValue) -> Option<f64> {
    match literal {
        LiteralValue::Double(number) => Some(*number.inner()),
        LiteralValue::Int(number) => Some(*number.inner() as f64),
        LiteralValue::UInt(number) => Some(*number.inner() as f64),
        _ => None,
    }
}

fn unknown(subject: Subject, name: &str) -> String {
    if let Some(elsewhere) =
        Subject::ALL.into_iter().find(|&other| Variable::find(other, name).is_some())
    {
        return format!(
            "{name:?} is a variable of a {}, this rule is about {}",
            elsewhere.name(),
            with_article(subject)
        );
    }
    match nearest(subject, name) {
        Some(near) => format!("there is no variable {name:?}: did you mean {near:?}?"),
        None => format!(
            "{} has no variable {name:?} (memwatch-ebpf leak-rules --variables lists them)",
            with_article(subject)
        ),
    }
}

fn with_article(subject: Subject) -> &'static str {
    match subject {
        Subject::Process => "a process",
        Subject::Component => "a component",
        Subject::Host => "the host",
    }
}

fn misfit(name: &str, kinds: &[Kind]) -> String {
    let given: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    let given = given.join(" and ");
    match name {
        op::MODULO => "% is not there: numbers are not whole".to_owned(),
        op::INDEX => "only custom[\"NAME\"] takes a name in brackets".to_owned(),
        op::LOGICAL_AND => format!("&& takes two conditions, not {given}"),
        op::LOGICAL_OR => format!("|| takes two conditions, not {given}"),
        op::LOGICAL_NOT => format!("! takes a condition, not {given}"),
        op::IN => format!("in takes a number or a text and a list of such, not {given}"),
        op::CONDITIONAL => format!("? takes a condition and two of a kind, not {given}"),
        _ if operator(name).is_some() => {
            let operator = operator(name).unwrap_or_default();
            if matches!(operator, "==" | "!=") {
                format!("{operator} takes two numbers or two texts, not {given}")
            } else {
                format!("{operator} takes numbers, not {given}")
            }
        }
        "startsWith" | "endsWith" | "contains" => {
            format!("{name} is asked of a text, with a text: comm.{name}(\"api\")")
        }
        KNOWN => "known is asked of a variable: known(limit.descriptors)".to_owned(),
        _ => format!(
            "there is no function {name:?} for {given} (only startsWith, endsWith, contains and \
             known)"
        ),
    }
}

fn operator(name: &str) -> Option<&str> {
    let sign = name.trim_matches('_');
    let signs = ["==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/"];
    signs.into_iter().find(|known| *known == sign)
}
