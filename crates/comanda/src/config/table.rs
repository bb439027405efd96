//! What a setting is, and the macro that makes a table and a struct of the same lines.

use super::value::{Kind, Value};

/// Settings of one table of the file.
pub(crate) struct Section {
    pub(crate) name: &'static str,
    /// What they are about.
    pub(crate) about: &'static str,
    pub(crate) settings: &'static [Setting],
}

/// One setting. Its texts mean the same in the file, the environment and on the command line.
pub(crate) struct Setting {
    /// `section.name`; `section` alone when the section is one value as a whole.
    pub(crate) key: &'static str,
    /// Empty when the section is one value as a whole.
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) default: &'static str,
    pub(crate) env: &'static str,
    /// Without its dashes.
    pub(crate) flag: Option<&'static str>,
    pub(crate) kind: Kind,
}

impl Setting {
    /// What the setting means, as one line.
    pub(crate) fn about_line(&self) -> String {
        one_line(self.about)
    }
}

/// Doc lines as one.
pub(crate) fn one_line(about: &str) -> String {
    about.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The kind of a type, for tables.
pub(super) const fn kind<T: Value>() -> Kind {
    Kind {
        shape: T::SHAPE,
        secret: T::SECRET,
        allowed: T::allowed,
        is_allowed: |text| T::parse(text).is_some(),
        read_toml: T::read_toml,
    }
}

/// Makes a struct of every section, [`Installation`](super::Installation) of all of them, and the
/// table `SECTIONS`. A section in which `whole` stands is one value, read by its type.
macro_rules! settings {
    (
        $( $(#[doc = $about:literal])+ $section:ident: $Section:ident {
            $( $(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:literal,
                env $env:literal $(, flag $flag:literal)?; )+
        } )+
        $( whole $(#[doc = $whole_doc:literal])+ $whole:ident: $whole_type:ty
            = $whole_default:literal, env $whole_env:literal; )*
    ) => {
        /// Every setting, checked: what an installation settles once.
        #[derive(Clone, Debug)]
        pub(crate) struct Installation {
            $( $(#[doc = $about])+ pub(crate) $section: $Section, )+
            $( $(#[doc = $whole_doc])+ pub(crate) $whole: $whole_type, )*
        }

        $(
            $(#[doc = $about])+
            #[derive(Clone, Debug)]
            pub(crate) struct $Section {
                $( $(#[doc = $doc])+ pub(crate) $name: $type, )+
            }
        )+

        /// Every setting, in the order of the example.
        pub(crate) static SECTIONS: &[$crate::config::table::Section] = &[
            $( $crate::config::table::Section {
                name: stringify!($section),
                about: concat!($($about),+),
                settings: &[$( $crate::config::table::Setting {
                    key: concat!(stringify!($section), ".", stringify!($name)),
                    name: stringify!($name),
                    about: concat!($($doc),+),
                    default: $default,
                    env: $env,
                    flag: settings!(@flag $($flag)?),
                    kind: $crate::config::table::kind::<$type>(),
                }, )+],
            }, )+
            $( $crate::config::table::Section {
                name: stringify!($whole),
                about: concat!($($whole_doc),+),
                settings: &[$crate::config::table::Setting {
                    key: stringify!($whole),
                    name: "",
                    about: concat!($($whole_doc),+),
                    default: $whole_default,
                    env: $whole_env,
                    flag: None,
                    kind: $crate::config::table::kind::<$whole_type>(),
                }],
            }, )*
        ];

        impl Installation {
            /// The settings that `text_of` has by their keys; `None` when one of them is not
            /// allowed.
            pub(super) fn read<'a>(text_of: impl Fn(&str) -> &'a str) -> Option<Self> {
                use $crate::config::value::Value;
                Some(Self {
                    $( $section: $Section {
                        $( $name: <$type as Value>::parse(text_of(
                            concat!(stringify!($section), ".", stringify!($name))
                        ))?, )+
                    }, )+
                    $( $whole: <$whole_type as Value>::parse(text_of(stringify!($whole)))?, )*
                })
            }
        }
    };
    (@flag) => { None };
    (@flag $flag:literal) => { Some($flag) };
}
pub(super) use settings;
