//! Random rules and random attributes. Both draw from the same few names and values, so that
//! rules often meet what they ask for.

use lotty_core::attributes::{Path, Segment};
use lotty_core::number::Number;
use lotty_core::targeting::{Comparison, Expr, List, Operand, Pattern, Test, Truth};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value as Json, json};

/// The functions that give a value.
const FUNCTIONS: &[fn(Box<Operand>) -> Operand] = &[
    Operand::Float,
    Operand::Lower,
    Operand::OptimizelyVersion,
    Operand::Semver,
    Operand::String,
];
const NAMES: &[&str] = &["a", "in", "größe", "`"];
const TEXTS: &[&str] = &[
    "",
    "a",
    "ab",
    "AB",
    "ÄÖ",
    "1",
    "1.0",
    "1.0.0-rc.1",
    "1.0.0+b",
    "1.0.0+5",
    "1.0.0-5",
    "1.0.0--5",
    "1.0-",
    "1-a+b",
    "2.10",
    "\"\\\n\u{1}'",
];
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "1.0",
    "-1",
    "0.1",
    "0.10",
    "1e2",
    "100",
    "1e400",
    "12345678901234567890123456789012345",
    "0.1000000000000000055",
    "-9007199254740992",
    "9007199254740992.3",
    "9007199254740993",
];
const TRUTHS: &[Truth] = &[Truth::False, Truth::Unknown, Truth::True];
const PATTERNS: &[&str] = &["", "a", "^a+$", "^[0-9.]+", "(?i)ä", "\\.", "b|c"];

fn text() -> BoxedStrategy<Box<str>> {
    let any_text = vec(any::<char>().prop_filter("no NUL", |c| *c != '\0'), 0..6);
    prop_oneof![
        9 => select(TEXTS).prop_map(Box::from),
        1 => any_text.prop_map(|chars| chars.into_iter().collect::<String>().into()),
    ]
    .boxed()
}

fn number() -> BoxedStrategy<Number> {
    prop_oneof![
        9 => select(NUMBERS).prop_map(|text| Number::parse(text).unwrap()),
        1 => any::<i64>().prop_map(Number::from),
    ]
    .boxed()
}

fn path() -> BoxedStrategy<Path> {
    let segment = prop_oneof![
        select(NAMES).prop_map(|name| Segment::Key(name.into())),
        text().prop_map(Segment::Key),
        (0_u32..3).prop_map(Segment::Index),
        any::<u32>().prop_map(Segment::Index),
    ];
    let rest = prop_oneof![9 => Just(Vec::new()), 1 => vec(segment, 1..4)];
    let first = prop_oneof![
        19 => select(NAMES).prop_map(Box::from),
        1 => text().prop_filter("not empty", |name| !name.is_empty()),
    ];
    (first, rest)
        .prop_map(|(first, rest)| rest.into_iter().fold(Path::new(first), Path::then))
        .boxed()
}

fn operand() -> BoxedStrategy<Operand> {
    let leaf = prop_oneof![
        6 => path().prop_map(Operand::Attribute),
        3 => text().prop_map(Operand::Text),
        3 => number().prop_map(Operand::Number),
        1 => any::<bool>().prop_map(Operand::Bool),
        1 => Just(Operand::Null),
    ];
    leaf.prop_recursive(3, 4, 1, |inner| {
        prop_oneof![
            (select(FUNCTIONS), inner)
                .prop_map(|(function, argument)| function(Box::new(argument))),
        ]
    })
    .boxed()
}

fn test() -> BoxedStrategy<Test> {
    let long_list = vec(text().prop_map(Operand::Text), 14..20);
    prop_oneof![
        vec(operand(), 0..4).prop_map(|members| Test::In(List::Members(members))),
        long_list.prop_map(|members| Test::In(List::Members(members))),
        path().prop_map(|path| Test::In(List::Attribute(path))),
        operand().prop_map(Test::Contains),
        text().prop_map(Test::StartsWith),
        text().prop_map(Test::EndsWith),
        select(PATTERNS).prop_map(|source| Test::Matches(Pattern::new(source).unwrap())),
        (operand(), operand()).prop_map(|(low, high)| Test::Between(low, high)),
        Just(Test::Null),
        Just(Test::Exists),
    ]
    .boxed()
}

fn comparison() -> BoxedStrategy<Comparison> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    select(vec![
        Equal,
        NotEqual,
        Less,
        LessOrEqual,
        Greater,
        GreaterOrEqual,
    ])
    .boxed()
}

/// Two operands of the same type, which chance alone brings together too rarely.
fn alike() -> BoxedStrategy<(Operand, Operand)> {
    let attribute = || path().prop_map(Operand::Attribute);
    let number = || number().prop_map(Operand::Number);
    let text = || text().prop_map(Operand::Text);
    let version = || text().prop_map(|argument| Operand::Semver(Box::new(argument)));
    let user_version = || {
        let argument = prop_oneof![text(), attribute()];
        argument.prop_map(|argument| Operand::OptimizelyVersion(Box::new(argument)))
    };
    let float = || number().prop_map(|argument| Operand::Float(Box::new(argument)));
    prop_oneof![
        (number(), number()),
        (number(), attribute()),
        (float(), number()),
        (float(), float()),
        (attribute(), text()),
        (text(), text()),
        (version(), text()),
        (version(), version()),
        (user_version(), text()),
        (text(), user_version()),
    ]
    .boxed()
}

/// A rule that says something.
pub fn expr() -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![
        1 => select(TRUTHS).prop_map(Expr::Constant),
        1 => path().prop_map(Expr::Attribute),
        1 => text().prop_map(Expr::Audience),
        6 => (operand(), comparison(), operand())
            .prop_map(|(left, comparison, right)| Expr::Compare { left, comparison, right }),
        8 => (alike(), comparison())
            .prop_map(|((left, right), comparison)| Expr::Compare { left, comparison, right }),
        8 => (operand(), any::<bool>(), test())
            .prop_map(|(operand, negated, test)| Expr::Test { operand, negated, test }),
    ];
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Expr::Not(Box::new(inner))),
            vec(inner.clone(), 2..4).prop_map(Expr::and),
            vec(inner, 2..4).prop_map(Expr::or),
        ]
    })
    .boxed()
}

/// The attributes of a subject.
pub fn document() -> BoxedStrategy<Json> {
    let leaf = prop_oneof![
        1 => Just(Json::Null),
        2 => any::<bool>().prop_map(Json::from),
        4 => select(TEXTS).prop_map(Json::from),
        6 => select(NUMBERS).prop_map(|text| serde_json::from_str(text).unwrap()),
    ];
    let value = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::from),
            vec((select(NAMES), inner), 0..4).prop_map(object),
        ]
    });
    vec((select(NAMES), value), 2..9).prop_map(object).boxed()
}

fn object(members: Vec<(&str, Json)>) -> Json {
    let mut object = json!({});
    for (name, value) in members {
        object[name] = value;
    }
    object
}
