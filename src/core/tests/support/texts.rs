//! What holds for any text that is given as a rule.

use lotty_core::targeting::parse;

/// Parses, and if that succeeds the printed text must mean the same; if not, the error must
/// lie inside the text.
pub fn check_any(source: &str) {
    match parse(source) {
        Ok(expr) => {
            let printed = expr.to_string();
            assert_eq!(
                parse(&printed).unwrap(),
                expr,
                "{source:?} printed {printed:?}"
            );
            assert_eq!(parse(&printed).unwrap().to_string(), printed);
        }
        Err(error) => {
            assert!(error.span().end <= source.len(), "{source:?}");
            assert!(source.get(error.span()).is_some(), "{source:?}");
            assert!(error.position() <= source.chars().count() + 1);
            assert_eq!(
                error.caret().lines().count(),
                2,
                "{source:?}: {:?}",
                error.caret()
            );
            assert!(!error.message().ends_with('.') && !error.message().contains('\n'));
        }
    }
}
