//! What stands in one column of a row, and the one declaration that makes a table's row, its
//! columns and its builder.
//!
//! Never: a value that is changed to fit. An amount beyond what a column holds is none.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use domain::money::{Money, UnitPrice};
use domain::time::Timestamp;

use crate::table::{Kind, MONEY_PRECISION, MONEY_SCALE, PRICE_SCALE};

/// What a column holds, as a type.
pub(crate) trait Content {
    const KIND: Kind;
    type Value<'a>;
    type Builder: Default;
    fn append(to: &mut Self::Builder, value: Option<Self::Value<'_>>);
    fn finish(builder: &mut Self::Builder) -> ArrayRef;
}

/// A column of a row: of content that is always there, or [`Maybe`].
pub(crate) trait Cell {
    const KIND: Kind;
    const NULLABLE: bool;
    type Value<'a>;
    type Builder: Default;
    fn append(to: &mut Self::Builder, value: Self::Value<'_>);
    fn finish(builder: &mut Self::Builder) -> ArrayRef;
}

impl<C: Content> Cell for C {
    const KIND: Kind = C::KIND;
    const NULLABLE: bool = false;
    type Value<'a> = C::Value<'a>;
    type Builder = C::Builder;
    fn append(to: &mut Self::Builder, value: Self::Value<'_>) {
        C::append(to, Some(value));
    }
    fn finish(builder: &mut Self::Builder) -> ArrayRef {
        C::finish(builder)
    }
}

/// A column that may be null.
pub(crate) struct Maybe<C>(std::marker::PhantomData<C>);

impl<C: Content> Cell for Maybe<C> {
    const KIND: Kind = C::KIND;
    const NULLABLE: bool = true;
    type Value<'a> = Option<C::Value<'a>>;
    type Builder = C::Builder;
    fn append(to: &mut Self::Builder, value: Self::Value<'_>) {
        C::append(to, value);
    }
    fn finish(builder: &mut Self::Builder) -> ArrayRef {
        C::finish(builder)
    }
}

/// A whole number.
pub(crate) struct Integer;

impl Content for Integer {
    const KIND: Kind = Kind::Integer;
    type Value<'a> = i64;
    type Builder = Int64Builder;
    fn append(to: &mut Int64Builder, value: Option<i64>) {
        to.append_option(value);
    }
    fn finish(builder: &mut Int64Builder) -> ArrayRef {
        Arc::new(builder.finish())
    }
}

/// A text.
pub(crate) struct Text;

impl Content for Text {
    const KIND: Kind = Kind::Text;
    type Value<'a> = &'a str;
    type Builder = StringBuilder;
    fn append(to: &mut StringBuilder, value: Option<&str>) {
        to.append_option(value);
    }
    fn finish(builder: &mut StringBuilder) -> ArrayRef {
        Arc::new(builder.finish())
    }
}

/// A text of few values.
pub(crate) struct Word;

impl Content for Word {
    const KIND: Kind = Kind::Word;
    type Value<'a> = &'a str;
    type Builder = StringBuilder;
    fn append(to: &mut StringBuilder, value: Option<&str>) {
        to.append_option(value);
    }
    fn finish(builder: &mut StringBuilder) -> ArrayRef {
        Arc::new(builder.finish())
    }
}

/// A moment.
pub(crate) struct Moment;

impl Content for Moment {
    const KIND: Kind = Kind::Moment;
    type Value<'a> = Timestamp;
    type Builder = TimestampMicrosecondBuilder;
    fn append(to: &mut TimestampMicrosecondBuilder, value: Option<Timestamp>) {
        to.append_option(value.map(|at| at.0));
    }
    fn finish(builder: &mut TimestampMicrosecondBuilder) -> ArrayRef {
        Arc::new(builder.finish().with_timezone("UTC"))
    }
}

/// An amount of money.
pub(crate) struct Amount;

impl Content for Amount {
    const KIND: Kind = Kind::Money;
    type Value<'a> = Exact;
    type Builder = Decimal128Builder;
    fn append(to: &mut Decimal128Builder, value: Option<Exact>) {
        to.append_option(value.map(|Exact(value)| value));
    }
    fn finish(builder: &mut Decimal128Builder) -> ArrayRef {
        decimals(builder, MONEY_SCALE)
    }
}

/// A price per unit.
pub(crate) struct Price;

impl Content for Price {
    const KIND: Kind = Kind::Price;
    type Value<'a> = UnitPrice;
    type Builder = Decimal128Builder;
    fn append(to: &mut Decimal128Builder, value: Option<UnitPrice>) {
        to.append_option(value.map(|price| i128::from(price.0)).filter(|price| fits(*price)));
    }
    fn finish(builder: &mut Decimal128Builder) -> ArrayRef {
        decimals(builder, PRICE_SCALE)
    }
}

fn decimals(builder: &mut Decimal128Builder, scale: i8) -> ArrayRef {
    let array = builder.finish().with_precision_and_scale(MONEY_PRECISION, scale);
    Arc::new(array.expect("the precision and scale of our columns are a decimal's"))
}

/// The units of a money column that an amount is: those of [`MONEY_SCALE`] decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exact(i128);

impl Exact {
    /// An amount of a currency with `exponent` decimals, at most [`MONEY_SCALE`]; `None` for one
    /// that no column holds.
    pub(crate) fn of(amount: Money, exponent: u32) -> Option<Self> {
        let decimals = u32::from(MONEY_SCALE.unsigned_abs()).checked_sub(exponent)?;
        let units = i128::from(amount.0) * 10_i128.pow(decimals);
        fits(units).then_some(Self(units))
    }
}

fn fits(units: i128) -> bool {
    units.unsigned_abs() < 10_u128.pow(MONEY_PRECISION.into())
}

/// Declares a table: its row (a struct of borrowed values), `COLUMNS` and `ABOUT` with what the
/// documentation says, and a `Builder` of batches.
macro_rules! table {
    ($(#[doc = $about:literal])+ $row:ident {
        $($(#[doc = $doc:literal])+ $name:ident: $cell:ty,)+
    }) => {
        $(#[doc = $about])+
        pub(crate) struct $row<'a> {
            $($(#[doc = $doc])+ pub(crate) $name: <$cell as $crate::cell::Cell>::Value<'a>,)+
        }

        /// What a row is.
        pub(crate) const ABOUT: &str = concat!($($about),+).trim_ascii();

        /// The columns, in their order.
        pub(crate) const COLUMNS: &[$crate::table::Column] = &[$($crate::table::Column {
            name: stringify!($name),
            kind: <$cell as $crate::cell::Cell>::KIND,
            nullable: <$cell as $crate::cell::Cell>::NULLABLE,
            doc: concat!($($doc),+).trim_ascii(),
        },)+];

        /// Rows, column by column.
        #[derive(Default)]
        pub(crate) struct Builder {
            $($name: <$cell as $crate::cell::Cell>::Builder,)+
            rows: usize,
        }

        impl Builder {
            pub(crate) fn push(&mut self, row: $row<'_>) {
                $(<$cell as $crate::cell::Cell>::append(&mut self.$name, row.$name);)+
                self.rows += 1;
            }
        }

        impl $crate::tables::Build for Builder {
            fn rows(&self) -> usize {
                self.rows
            }

            fn finish(&mut self) -> Vec<arrow::array::ArrayRef> {
                self.rows = 0;
                vec![$(<$cell as $crate::cell::Cell>::finish(&mut self.$name)),+]
            }
        }
    };
}
pub(crate) use table;

#[cfg(test)]
mod tests {
    use domain::limits::MONEY_MAX;

    use super::*;

    #[test]
    fn amounts_are_exact_whatever_the_currency_and_what_does_not_fit_is_none() {
        let units = |amount, exponent| Exact::of(Money(amount), exponent).map(|exact| exact.0);
        assert_eq!(units(1_990, 2), Some(199_000), "19.90 is 19.9000");
        assert_eq!(units(-1, 2), Some(-100));
        assert_eq!(units(7, 0), Some(70_000));
        assert_eq!(units(7, 4), Some(7));
        for exponent in 2..=4 {
            assert!(units(MONEY_MAX, exponent).is_some(), "the largest with {exponent} decimals");
        }
        assert_eq!(units(99_999_999_999_999, 0), Some(999_999_999_999_990_000));
        assert_eq!(units(100_000_000_000_000, 0), None);
        assert_eq!(units(7, 5), None);
    }
}
