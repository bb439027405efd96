//! What people read: every text of the API and of the commands, in Portuguese, Spanish and English.
//!
//! The texts are Fluent resources in `locales`, one folder a language, built into the program.
//! English says which messages there are: an [`Id`] that it does not have is an error of the
//! compiler, and a test holds the other languages to the same messages and variables.
//!
//! Never: a decision, a document, or a text of our own anywhere else.
#![forbid(unsafe_code)]

mod id;
mod lang;
mod phrase;
mod texts;

pub use self::id::Id;
pub use self::lang::Lang;
pub use self::phrase::{Arg, Phrase};
pub use self::texts::{around_field, label};

/// The [`Id`] of a message, looked up while the program is compiled.
///
/// ```
/// use messages::{Lang, id, label};
/// assert_eq!(label(id!("order-BACKORDERED"), Lang::PtBr), "Produto Pendente");
/// ```
/// ```compile_fail
/// messages::id!("order-MISLAID");
/// ```
#[macro_export]
macro_rules! id {
    ($name:expr) => {
        const { $crate::Id::of($name) }
    };
}

/// A [`Phrase`]: a message and what fills its variables.
///
/// ```
/// use messages::{Lang, phrase};
/// let said = phrase!("rules-in-force", version = "7");
/// assert_eq!(said.to(Lang::En), "Rule set 7 is in force.");
/// ```
#[macro_export]
macro_rules! phrase {
    ($name:expr $(, $variable:ident = $value:expr)* $(,)?) => {
        $crate::Phrase::new($crate::id!($name))$(.with(stringify!($variable), $value))*
    };
}
