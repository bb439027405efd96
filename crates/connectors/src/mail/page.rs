//! What a message says, as data: the same for those who see HTML and those who see text.
//!
//! Never: markup. Every text here is a text, whatever characters it has.

/// A message to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Its subject, and what stands at its top.
    pub subject: String,
    /// How it strikes the eye.
    pub tone: Tone,
    /// To a person with a name.
    pub greeting: Option<String>,
    /// What it has to say, a paragraph each.
    pub paragraphs: Vec<String>,
    /// Names and values.
    pub facts: Vec<(&'static str, String)>,
    /// What there are several of.
    pub lists: Vec<List>,
    /// What stands at its end, a paragraph each.
    pub closing: Vec<String>,
}

/// How a message strikes the eye.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Something is so.
    #[default]
    Plain,
    /// All is well.
    Good,
    /// Something has to wait.
    Waiting,
    /// Something has to be looked at.
    Bad,
}

/// Things of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// What they are.
    pub heading: &'static str,
    /// The things.
    pub rows: Vec<Row>,
    /// That there are more.
    pub more: Option<String>,
    /// What they come to, step by step.
    pub sums: Vec<(&'static str, String)>,
    /// What they come to.
    pub total: Option<(&'static str, String)>,
}

/// One thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// What it is.
    pub title: String,
    /// More about it.
    pub detail: String,
    /// What it comes to.
    pub value: String,
}
