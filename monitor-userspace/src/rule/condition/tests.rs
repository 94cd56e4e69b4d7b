use super::*;

fn fault(text: &str) -> (String, String) {
    let fault = Condition::compile(text, Subject::Process).unwrap_err();
    (text[fault.at.clone()].to_owned(), fault.message)
}

/// What a condition says where variables have these values; those not named are unknown.
fn says(text: &str, known: &[(&str, Value<'static>)]) -> Result<Holds, String> {
    let condition = Condition::compile(text, Subject::Process).unwrap();
    let values: Vec<Value<'static>> = condition
        .variables()
        .iter()
        .map(|variable| {
            let named = known.iter().find(|(name, _)| *name == variable.name());
            named.map_or(Value::Unknown, |(_, value)| *value)
        })
        .collect();
    condition.holds(&Functions::default(), |at| values[at])
}

#[test]
fn numbers_are_one_kind_and_names_have_dots() {
    let known = [
        ("descriptors", Value::Number(900.0)),
        ("limit.descriptors", Value::Number(1000.0)),
        ("connections.close_wait", Value::Number(3.0)),
        ("custom.cache-entries", Value::Number(7.0)),
        ("comm", Value::Text("api")),
    ];
    for (text, holds) in [
        ("descriptors / limit.descriptors >= 0.9", Holds::Yes),
        ("descriptors / limit.descriptors > 0.9", Holds::No),
        ("descriptors > 100 && limit.descriptors * 2 == 2000u", Holds::Yes),
        ("connections.close_wait + 1 > 3 ? comm == 'api' : false", Holds::Yes),
        ("custom[\"cache-entries\"] - -1 == 8", Holds::Yes),
        ("comm in ['db', \"api\"] || descriptors in [1, 2.5]", Holds::Yes),
        ("comm.startsWith('ap') && !comm.endsWith('x') && comm.contains('p')", Holds::Yes),
    ] {
        assert_eq!(says(text, &known), Ok(holds), "{text}");
    }
}

#[test]
fn what_is_unknown_leaves_a_condition_undecided_unless_the_rest_decides() {
    let known = [("threads", Value::Number(5.0))];
    for (text, holds) in [
        ("descriptors > 1", Holds::Undecided),
        ("!(descriptors > 1)", Holds::Undecided),
        ("descriptors > 1 && threads > 9", Holds::No),
        ("threads > 9 && descriptors > 1", Holds::No),
        ("descriptors > 1 && threads > 1", Holds::Undecided),
        ("descriptors > 1 || threads > 1", Holds::Yes),
        ("threads > 1 || descriptors > 1", Holds::Yes),
        ("threads > 9 || descriptors > 1", Holds::Undecided),
        ("comm != 'api'", Holds::Undecided),
        ("custom.depth / limit.descriptors > 1", Holds::Undecided),
    ] {
        assert_eq!(says(text, &known), Ok(holds), "{text}");
    }
}

#[test]
fn a_condition_may_ask_whether_something_is_known() {
    let known = [("threads", Value::Number(5.0)), ("comm", Value::Text("api"))];
    for (text, holds) in [
        ("known(threads)", Holds::Yes),
        ("known(comm) && !known(limit.descriptors)", Holds::Yes),
        ("threads > 9 || known(descriptors) && descriptors > 1", Holds::No),
        ("known(custom.depth) ? custom.depth > 1 : threads > 1", Holds::Yes),
        ("known(custom[\"depth\"])", Holds::No),
        ("known(threads) && descriptors > 1", Holds::Undecided),
    ] {
        assert_eq!(says(text, &known), Ok(holds), "{text}");
    }
    let message = "known is asked of a variable: known(limit.descriptors)".to_owned();
    assert_eq!(fault("known(1 + threads)"), ("(".to_owned(), message.clone()));
    assert_eq!(fault("known(threads, comm)").1, message);
    assert!(fault("known(descriptor) && true").1.contains("did you mean \"descriptors\""));
}

#[test]
fn a_division_by_zero_fails() {
    let known = [("descriptors", Value::Number(5.0)), ("threads", Value::Number(0.0))];
    let failed = Err("division by zero".to_owned());
    assert_eq!(says("descriptors / threads > 1", &known), failed);
    assert_eq!(says("threads > 0 && descriptors / threads > 1", &known), Ok(Holds::No));
}

#[test]
fn faults_point_at_the_word_and_suggest_the_nearest() {
    for (text, at, message) in [
        (
            "threads > 1 && descriptor > 5",
            "descriptor",
            "there is no variable \"descriptor\": did you mean \"descriptors\"?",
        ),
        (
            "connections.close_wiat > 5",
            "connections.close_wiat",
            "there is no variable \"connections.close_wiat\": did you mean \
             \"connections.close_wait\"?",
        ),
        (
            "quux > 5",
            "quux",
            "a process has no variable \"quux\" (memwatch-ebpf leak-rules --variables lists them)",
        ),
        (
            "mem_total_bytes > 5",
            "mem_total_bytes",
            "\"mem_total_bytes\" is a variable of a host, this rule is about a process",
        ),
        ("descriptors > '5'", ">", "> takes numbers, not a number and a text"),
        ("comm == 5", "==", "== takes two numbers or two texts, not a text and a number"),
        ("threads && true", "&&", "&& takes two conditions, not a number and true or false"),
        ("threads % 2 == 0", "%", "% is not there: numbers are not whole"),
        ("descriptors + 1", "descriptors + 1", "a condition is true or false, this is a number"),
        ("1 < 2", "1 < 2", "a condition must use a variable"),
        ("threads in [1, 'a']", "[", "a list is of numbers or of texts"),
        (
            "comm.matches('a')",
            "(",
            "there is no function \"matches\" for a text and a text (only startsWith, endsWith, \
             contains and known)",
        ),
        (
            "has(limit.memory_bytes)",
            "(",
            "a condition has no maps, messages or macros (has, all, exists, …)",
        ),
        (
            "threads == null",
            "null",
            "null cannot be compared with: a condition that needs what is not known is undecided \
             by itself",
        ),
    ] {
        assert_eq!(fault(text), (at.to_owned(), message.to_owned()), "{text}");
    }
}

#[test]
fn what_is_no_cel_is_refused_with_its_place() {
    let (at, message) = fault("threads > 5 and comm == 'x'");
    assert_eq!(at, "and");
    assert!(message.starts_with("this is no CEL: "), "{message}");
    for text in ["", "threads >", "((((", "threads > 1 )", "\u{0}", "ä > 1", "'", "a.b.", "1 ? 2"]
    {
        assert!(Condition::compile(text, Subject::Process).is_err(), "{text:?}");
    }
    let deep = format!("{}threads > 1{}", "(".repeat(1000), ")".repeat(1000));
    let message = Condition::compile(&deep, Subject::Process).unwrap_err().message;
    assert_eq!(message, "a condition is nested at most 48 deep");
    let long = format!("threads > 1{}", " || threads > 1".repeat(400));
    let message = Condition::compile(&long, Subject::Process).unwrap_err().message;
    assert_eq!(message, "a condition has at most 4096 characters");
}

#[test]
fn a_long_condition_below_the_limit_is_taken_or_refused_but_never_fatal() {
    for chain in [" || threads > 1", " && threads > 1", " + threads"] {
        let long = format!("threads > 1{}", chain.repeat(4000 / chain.len()));
        if let Ok(condition) = Condition::compile(&long, Subject::Process) {
            let holds = condition.holds(&Functions::default(), |_| Value::Number(2.0));
            assert!(holds.is_ok(), "{holds:?}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_text_is_fatal(text in "[a-z0-9_ .<>=!&|?:()\\[\\]'\"+*/%,{}ä-]{0,40}") {
        if let Err(fault) = Condition::compile(&text, Subject::Process) {
            proptest::prop_assert!(text.get(fault.at.clone()).is_some(), "{:?}", fault);
        }
    }
}
