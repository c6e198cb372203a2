//! Where in a datafile something stands.
//!
//! Every value that is read carries its place, because any of them may turn out to be wrong; the
//! path is spelled only if it does. A place therefore is a link to the place around it, shared
//! by everything inside: one small allocation for each value, whatever its depth.

use std::fmt::{self, Display, Formatter};
use std::rc::Rc;

use crate::optimizely::error::DatafileError;

/// The most characters of a key, or of a text, that a message repeats.
const SHOWN: usize = 80;

/// A place; its `Display` is the path to it.
#[derive(Clone)]
pub(super) struct Place<'d> {
    link: Option<Rc<Link<'d>>>,
    /// What is called at every step, and at every row that is written.
    pause: Option<&'d dyn Fn()>,
}

struct Link<'d> {
    around: Place<'d>,
    step: Step<'d>,
}

enum Step<'d> {
    Key(&'d str),
    Index(usize),
}

impl<'d> Place<'d> {
    /// The datafile itself.
    pub(super) const ROOT: Self = Self {
        link: None,
        pause: None,
    };

    /// The datafile itself; `pause` is called whenever something in it is looked at.
    pub(super) fn root(pause: &'d dyn Fn()) -> Self {
        Self {
            link: None,
            pause: Some(pause),
        }
    }

    /// Calls what is to be called now and then.
    pub(super) fn pause(&self) {
        if let Some(pause) = self.pause {
            pause();
        }
    }

    /// The member of this object.
    pub(super) fn key(&self, key: &'d str) -> Self {
        self.then(Step::Key(key))
    }

    /// The element of this array.
    pub(super) fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    fn then(&self, step: Step<'d>) -> Self {
        self.pause();
        let around = self.clone();
        Self {
            link: Some(Rc::new(Link { around, step })),
            pause: self.pause,
        }
    }

    /// The error of what stands here.
    pub(super) fn error(&self, message: impl Into<String>) -> DatafileError {
        DatafileError {
            path: self.to_string(),
            message: message.into(),
            hint: None,
        }
    }
}

impl Display for Place<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut steps = Vec::new();
        let mut place = self;
        while let Some(link) = &place.link {
            steps.push(&link.step);
            place = &link.around;
        }
        f.write_str("$")?;
        for step in steps.into_iter().rev() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if is_plain(key) => write!(f, ".{key}")?,
                Step::Key(key) => write!(f, "[{}]", shown(key))?,
            }
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    key.len() <= SHOWN
        && key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A text as messages show it: quoted, on one line, and not too long.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    format!("{short:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_every_step() {
        let place = Place::ROOT.key("experiments").index(3).key("key");
        assert_eq!(place.to_string(), "$.experiments[3].key");
        let place = Place::ROOT.key("a b").key("c\"d");
        assert_eq!(place.to_string(), r#"$["a b"]["c\"d"]"#);
        assert_eq!(Place::ROOT.to_string(), "$");
    }

    #[test]
    fn long_keys_are_cut() {
        let key = "k".repeat(1000);
        assert!(Place::ROOT.key(&key).to_string().len() < 100);
    }
}
