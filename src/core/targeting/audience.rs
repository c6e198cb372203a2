//! Rules that refer to rules: loading the audiences a rule reaches.
//!
//! Audiences are stored by name and refer to each other by name, so what a rule reaches is a
//! graph. [`Loader`] walks it depth first and hands out each audience after those it refers
//! to, once, however often it is named. What cannot be used (no such audience, a text that
//! does not parse, a cycle, too deep, too many) is noted and skipped: the reference is then
//! unknown, and admits nobody.

use std::collections::HashMap;

use crate::targeting::ast::Expr;
use crate::targeting::error::{ErrorKind, TargetingError};
use crate::targeting::limits::{MAX_AUDIENCE_DEPTH, MAX_AUDIENCES};
use crate::targeting::parse::{self, Reference};

/// Gives the text of an audience, `None` if there is none of that name.
pub type Lookup<'l> = &'l mut dyn FnMut(&str) -> Option<String>;

/// The audiences that a condition names, each once, in order of appearance.
pub fn audiences(expr: &Expr) -> Vec<&str> {
    let mut names = Vec::new();
    collect(expr, &mut names);
    names
}

fn collect<'e>(expr: &'e Expr, names: &mut Vec<&'e str>) {
    match expr {
        Expr::Audience(name) if !names.contains(&&**name) => names.push(name),
        Expr::Not(inner) => collect(inner, names),
        Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| collect(part, names)),
        _ => {}
    }
}

/// Whether giving the audience `name` the text `source` would let audiences refer to each
/// other in a circle; if so, the names on it, from one round to the same again.
///
/// An error when `source` is not a valid rule, and when the audiences it reaches would be too
/// deep or too many. Audiences that do not exist yet, or whose text is invalid, lead nowhere.
///
/// ```
/// use lotty_core::targeting::find_cycle;
///
/// let mut stored = |name: &str| (name == "b").then(|| r#"audience("a")"#.to_owned());
/// let cycle = find_cycle("a", r#"beta OR audience("b")"#, &mut stored)?;
/// assert_eq!(cycle.as_deref(), Some(["a", "b", "a"].map(String::from).as_slice()));
/// # Ok::<(), lotty_core::targeting::TargetingError>(())
/// ```
pub fn find_cycle(
    name: &str,
    source: &str,
    lookup: Lookup<'_>,
) -> Result<Option<Vec<String>>, TargetingError> {
    let references = parse::parse(source)?.references;
    let mut ignore = |_: &str, _, _: &Loaded| {};
    let mut loader = Loader::new(lookup, &mut ignore);
    loader.enter(name);
    for Reference { name: target, span } in references {
        let depth = 1 + loader.load(&target).unwrap_or(0);
        let error = |kind, message| TargetingError::new(kind, source, span.clone(), message);
        if let Some(cycle) = loader.cycle.take() {
            return Ok(Some(cycle));
        }
        if loader.too_deep || depth > MAX_AUDIENCE_DEPTH {
            let message = format!("audiences nest deeper than {MAX_AUDIENCE_DEPTH} levels");
            return Err(error(ErrorKind::AudiencesTooDeep, message));
        }
        if loader.too_many {
            let message = format!("rule reaches more than {MAX_AUDIENCES} audiences");
            return Err(error(ErrorKind::TooManyAudiences, message));
        }
    }
    Ok(None)
}

/// The audiences that have been loaded, by name, with their numbers in order of loading.
pub(super) type Loaded = HashMap<String, State>;

/// What is known of an audience.
#[derive(Clone, Copy)]
pub(super) enum State {
    /// Its references are being loaded; meeting it again is a cycle.
    Open,
    /// It can be used.
    Ready { index: usize, depth: usize },
    /// It cannot be used.
    Unusable,
}

/// Walks the graph of audiences.
pub(super) struct Loader<'l> {
    lookup: Lookup<'l>,
    /// Called with each usable audience, after those it refers to.
    ready: &'l mut dyn FnMut(&str, Expr, &Loaded),
    loaded: Loaded,
    /// How many audiences are usable.
    count: usize,
    /// The names from the first audience entered to the one being loaded.
    path: Vec<String>,
    /// The first names that could not be used, each once, in order of appearance.
    pub(super) unresolved: Vec<String>,
    cycle: Option<Vec<String>>,
    too_deep: bool,
    too_many: bool,
}

impl<'l> Loader<'l> {
    pub(super) fn new(lookup: Lookup<'l>, ready: &'l mut dyn FnMut(&str, Expr, &Loaded)) -> Self {
        Self {
            lookup,
            ready,
            loaded: HashMap::new(),
            count: 0,
            path: Vec::new(),
            unresolved: Vec::new(),
            cycle: None,
            too_deep: false,
            too_many: false,
        }
    }

    /// Everything that has been loaded.
    pub(super) fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// Loads an audience and all that it reaches; gives its depth if it can be used.
    ///
    /// This recurses once per audience on the way, at most [`MAX_AUDIENCES`] times, and parses
    /// each text before it goes on.
    pub(super) fn load(&mut self, name: &str) -> Option<usize> {
        match self.loaded.get(name) {
            Some(State::Ready { depth, .. }) => return Some(*depth),
            Some(State::Open) => {
                self.note_cycle(name);
                return self.refuse(name);
            }
            Some(State::Unusable) => return self.refuse(name),
            None => {}
        }
        if self.loaded.len() == MAX_AUDIENCES {
            self.too_many = true;
            return self.refuse(name);
        }
        let parsed = (self.lookup)(name).and_then(|source| parse::parse(&source).ok());
        self.enter(name);
        let depth = match &parsed {
            Some(parsed) => self.depth(&parsed.references),
            None => None,
        };
        self.path.pop();
        let (Some(parsed), Some(depth)) = (parsed, depth) else {
            self.loaded.insert(name.to_owned(), State::Unusable);
            return self.refuse(name);
        };
        (self.ready)(name, parsed.expr, &self.loaded);
        let state = State::Ready {
            index: self.count,
            depth,
        };
        self.loaded.insert(name.to_owned(), state);
        self.count += 1;
        Some(depth)
    }

    /// Marks an audience as the one whose references come next.
    fn enter(&mut self, name: &str) {
        self.loaded.insert(name.to_owned(), State::Open);
        self.path.push(name.to_owned());
    }

    /// The depth of an audience with these references, unless it is too deep.
    fn depth(&mut self, references: &[Reference]) -> Option<usize> {
        let mut below = 0;
        for reference in references {
            below = below.max(self.load(&reference.name).unwrap_or(0));
        }
        if below == MAX_AUDIENCE_DEPTH {
            self.too_deep = true;
            return None;
        }
        Some(below + 1)
    }

    fn note_cycle(&mut self, name: &str) {
        let start = self.path.iter().position(|open| open == name).unwrap_or(0);
        let round = self.path.iter().skip(start).cloned();
        self.cycle
            .get_or_insert_with(|| round.chain([name.to_owned()]).collect());
    }

    /// Notes a name that cannot be used. The list is as bounded as what is loaded, so that
    /// looking a name up in it stays cheap.
    fn refuse(&mut self, name: &str) -> Option<usize> {
        let room = self.unresolved.len() < MAX_AUDIENCES;
        if room && !self.unresolved.iter().any(|known| known == name) {
            self.unresolved.push(name.to_owned());
        }
        None
    }
}
