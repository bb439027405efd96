//! What a setting is, and the macro that makes a table and a struct of the same lines.

use super::value::{Kind, Value};

/// Settings of one table of the file.
pub(crate) struct Section {
    pub(crate) name: &'static str,
    /// What they are about.
    pub(crate) about: &'static str,
    pub(crate) settings: &'static [Setting],
}

impl Section {
    /// What stands above it in the file.
    pub(crate) fn heading(&self) -> String {
        let is_rows = self.settings.iter().any(|setting| setting.kind.rows.is_some());
        if is_rows { format!("[[{}]]", self.name) } else { format!("[{}]", self.name) }
    }
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
        why: T::why,
        rows: T::ROWS,
        read_toml: T::read_toml,
    }
}

/// Makes a struct of every section, [`Installation`](super::Installation) of all of them, and the
/// table `SECTIONS`. A section in which `whole` stands is one value, read by its type; one in which
/// `rows` stands is a list of tables, each made of the fields that follow: a field without a
/// default must be given, and says what it may look like.
macro_rules! settings {
    (
        $( $(#[doc = $about:literal])+ $section:ident: $Section:ident {
            $( $(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:literal,
                env $env:literal $(, flag $flag:literal)?; )+
        } )+
        $( whole $(#[doc = $whole_doc:literal])+ $whole:ident: $whole_type:ty
            = $whole_default:literal, env $whole_env:literal; )*
        $( rows $(#[doc = $rows_doc:literal])+ $rows:ident: $Row:ident,
            at most $max:literal, env $rows_env:literal {
            $( $(#[doc = $field_doc:literal])+ $field:ident: $field_type:ty
                $(, such as $example:literal)? $(= $field_default:literal)?; )+
        } )*
    ) => {
        /// Every setting, checked: what an installation settles once.
        #[derive(Clone, Debug)]
        pub(crate) struct Installation {
            $( $(#[doc = $about])+ pub(crate) $section: $Section, )+
            $( $(#[doc = $whole_doc])+ pub(crate) $whole: $whole_type, )*
            $( $(#[doc = $rows_doc])+ pub(crate) $rows: Vec<$Row>, )*
        }

        $(
            $(#[doc = $about])+
            #[derive(Clone, Debug)]
            pub(crate) struct $Section {
                $( $(#[doc = $doc])+ pub(crate) $name: $type, )+
            }
        )+

        $(
            $(#[doc = $rows_doc])+
            #[derive(Clone, Debug)]
            pub(crate) struct $Row {
                $( $(#[doc = $field_doc])+ pub(crate) $field: $field_type, )+
            }

            impl $crate::config::rows::Row for $Row {
                const ROWS: &'static $crate::config::rows::Rows = &$crate::config::rows::Rows {
                    name: stringify!($rows),
                    max: $max,
                    fields: &[$( $crate::config::rows::Field {
                        name: stringify!($field),
                        about: concat!($($field_doc),+),
                        default: settings!(@option $($field_default)?),
                        example: settings!(@option $($example)?),
                        kind: $crate::config::table::kind::<$field_type>(),
                    }, )+],
                };

                fn read(text_of: impl Fn(&str) -> Option<String>) -> Option<Self> {
                    use $crate::config::value::Value;
                    Some(Self {
                        $( $field: <$field_type as Value>::parse(&text_of(stringify!($field))?)?, )+
                    })
                }
            }
        )*

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
                    flag: settings!(@option $($flag)?),
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
            $( $crate::config::table::Section {
                name: stringify!($rows),
                about: concat!($($rows_doc),+),
                settings: &[$crate::config::table::Setting {
                    key: stringify!($rows),
                    name: "",
                    about: concat!($($rows_doc),+),
                    default: "[]",
                    env: $rows_env,
                    flag: None,
                    kind: $crate::config::table::kind::<Vec<$Row>>(),
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
                    $( $rows: <Vec<$Row> as Value>::parse(text_of(stringify!($rows)))?, )*
                })
            }
        }
    };
    (@option) => { None };
    (@option $given:literal) => { Some($given) };
}
pub(super) use settings;
