//! A YAML document as a bounded tree that knows its positions.
//!
//! Built from parser events, never by recursion over the input. At most [`DEPTH_MAX`] levels and [`NODES_MAX`] nodes; at
//! the bound reading stops with one error. Anchors and aliases are refused: a policy that expands while it is read
//! cannot be reviewed.

use std::borrow::Cow;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::lint::{Lints, Position};

/// Deepest nesting of a policy document; its own schema needs seven levels.
const DEPTH_MAX: usize = 16;

/// Most nodes of a document. A full document of one mebibyte stays below it unless it is built of empty items.
const NODES_MAX: usize = 400_000;

/// A node and where it starts.
#[derive(Debug)]
pub(super) struct Node<'t> {
    pub(super) at: Position,
    pub(super) kind: Kind<'t>,
}

/// What a node is. Scalars stay text: the reader of a field knows its type, so nothing is guessed from spelling.
#[derive(Debug)]
pub(super) enum Kind<'t> {
    /// `is_plain`: written without quotes.
    Scalar {
        text: Cow<'t, str>,
        is_plain: bool,
    },
    List(Vec<Node<'t>>),
    /// In document order, keys distinct.
    Map(Vec<(Key<'t>, Node<'t>)>),
}

/// A key of a mapping and where it stands.
#[derive(Debug)]
pub(super) struct Key<'t> {
    pub(super) at: Position,
    pub(super) text: Cow<'t, str>,
}

impl Node<'_> {
    /// Whether nothing was written: `key:` or `key: null`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, is_plain: true } if matches!(text.as_ref(), "" | "~" | "null"))
    }

    /// What the node is, for messages.
    pub(super) fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar { .. } if self.is_null() => "nothing",
            Kind::Scalar { .. } => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }
}

impl From<Marker> for Position {
    fn from(marker: Marker) -> Self {
        Self {
            line: marker.line().max(1),
            column: marker.col() + 1,
        }
    }
}

/// Reads the only document of `text`. Problems go to `lints`; `None` when nothing usable was read.
pub(super) fn parse<'t>(text: &'t str, lints: &mut Lints) -> Option<Node<'t>> {
    let mut tree = Tree::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                lints.error(
                    Position::from(*error.marker()),
                    format!("not valid YAML: {}", error.info()),
                );
                return None;
            }
        };
        if let Err((at, message)) = tree.take(event, Position::from(span.start)) {
            lints.error(at, message);
            return None;
        }
    }
    if tree.root.is_none() {
        lints.error(Position::START, "the document is empty");
    }
    tree.root
}

type Problem = (Position, String);

/// A collection that is still open.
enum Open<'t> {
    List {
        at: Position,
        items: Vec<Node<'t>>,
    },
    Map {
        at: Position,
        entries: Vec<(Key<'t>, Node<'t>)>,
        key: Option<Key<'t>>,
    },
}

#[derive(Default)]
struct Tree<'t> {
    open: Vec<Open<'t>>,
    root: Option<Node<'t>>,
    nodes: usize,
}

impl<'t> Tree<'t> {
    fn take(&mut self, event: Event<'t>, at: Position) -> Result<(), Problem> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => {
                Err((at, "a second document; one file holds one policy set".to_owned()))
            }
            Event::DocumentStart(_) => Ok(()),
            Event::Alias(_) => Err((at, "aliases are not supported; write the value out".to_owned())),
            Event::Scalar(text, style, ..) => self.close(Node {
                at,
                kind: Kind::Scalar {
                    text,
                    is_plain: style == ScalarStyle::Plain,
                },
            }),
            Event::SequenceStart(..) => self.push(Open::List {
                at,
                items: Vec::new(),
            }),
            Event::MappingStart(..) => self.push(Open::Map {
                at,
                entries: Vec::new(),
                key: None,
            }),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { at, items }) => self.close(Node {
                    at,
                    kind: Kind::List(items),
                }),
                Some(Open::Map { at, entries, .. }) => match repeated(&entries) {
                    Some(key) => Err((key.at, format!("`{}` is given twice", key.text))),
                    None => self.close(Node {
                        at,
                        kind: Kind::Map(entries),
                    }),
                },
                None => Err((
                    at,
                    "not valid YAML: a collection ends that never began".to_owned(),
                )),
            },
        }
    }

    fn push(&mut self, open: Open<'t>) -> Result<(), Problem> {
        let (Open::List { at, .. } | Open::Map { at, .. }) = open;
        if self.open.len() >= DEPTH_MAX {
            return Err((at, format!("nested more than {DEPTH_MAX} levels deep")));
        }
        self.open.push(open);
        Ok(())
    }

    /// Puts a complete node where it belongs.
    fn close(&mut self, node: Node<'t>) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err((node.at, format!("more than {NODES_MAX} values in one document")));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => match node.kind {
                    Kind::Scalar { text, .. } => *key = Some(Key { at: node.at, text }),
                    Kind::List(_) | Kind::Map(_) => return Err((node.at, "a key must be a word".to_owned())),
                },
            },
        }
        Ok(())
    }
}

/// A key that stands more than once in a mapping.
fn repeated<'n, 't>(entries: &'n [(Key<'t>, Node<'t>)]) -> Option<&'n Key<'t>> {
    let mut keys: Vec<&Key<'_>> = entries.iter().map(|(key, _)| key).collect();
    keys.sort_by(|a, b| (&a.text, a.at).cmp(&(&b.text, b.at)));
    keys.windows(2)
        .find(|pair| pair[0].text == pair[1].text)
        .map(|pair| pair[1])
}
