//! The fields of a document, borrowed from its bytes, and every spelling of each. One table makes
//! both the fast pass and the description that repairs documents of another shape.
//!
//! Never: an error for what people see. The pass fails on the first wrong type or repeated field,
//! and [`repair`](super::repair) then finds out what is wrong; values are judged in
//! [`check`](super::check).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::{RawValue, to_raw_value};

use super::reader::{Quoted, Reader, unescape, unescapes};
use crate::wire::violation::Expected;

/// What a field may be.
pub enum Kind {
    /// A text, or a whole number for one.
    Text,
    /// A number, or a text that may hold one.
    Number,
    /// An object with these known fields.
    Object(&'static [Field]),
    /// A list of these.
    List(&'static Kind),
    /// This object, or whatever stands there instead: people write these in many shapes.
    Loose(&'static [Field]),
    /// Whatever stands there.
    Any,
}

/// One field of an object.
pub struct Field {
    /// Its spellings; violations name a missing field by the first.
    pub names: &'static [&'static str],
    /// What it may be.
    pub kind: Kind,
}

/// A place that a value is read into. Filled where it stands: documents are too large to be moved
/// from hand to hand. `None` is a value of another shape.
pub(super) trait Slot<'a>: Default {
    const KIND: Kind;
    fn fill(&mut self, reader: &mut Reader<'a>) -> Option<()>;
}

/// A slot for an object.
pub(super) trait Object<'a>: Slot<'a> {
    const FIELDS: &'static [Field];
}

impl<'a, T: Slot<'a>> Slot<'a> for Option<T> {
    const KIND: Kind = T::KIND;
    fn fill(&mut self, reader: &mut Reader<'a>) -> Option<()> {
        match reader.peek() {
            b'n' => reader.null(),
            _ => self.insert(T::default()).fill(reader),
        }
    }
}

impl<'a, T: Slot<'a>> Slot<'a> for Vec<T> {
    const KIND: Kind = Kind::List(&T::KIND);
    fn fill(&mut self, reader: &mut Reader<'a>) -> Option<()> {
        reader.list(|reader| {
            self.push(T::default());
            self.last_mut()?.fill(reader)
        })
    }
}

/// Makes a struct of borrowed fields, the pass that fills it, and the description of its shape.
macro_rules! object {
    ($(#[$doc:meta])* $name:ident {
        $($field:ident: $type:ty = $first:literal $(| $alias:literal)*,)*
    }) => {
        $(#[$doc])*
        #[derive(Default)]
        pub(super) struct $name<'a> { $(pub(super) $field: $type,)* }

        impl<'a> $name<'a> {
            /// Its known fields.
            pub(super) const FIELDS: &'static [Field] = &[
                $(Field { names: &[$first $(, $alias)*], kind: <$type as Slot<'a>>::KIND },)*
            ];
        }

        impl<'a> Object<'a> for $name<'a> {
            const FIELDS: &'static [Field] = Self::FIELDS;
        }

        impl<'a> Slot<'a> for $name<'a> {
            const KIND: Kind = Kind::Object(Self::FIELDS);
            fn fill(&mut self, reader: &mut Reader<'a>) -> Option<()> {
                #[allow(non_camel_case_types)]
                enum At { $($field,)* }

                let mut seen = 0_u32;
                reader.object(|reader, name| match name {
                    $($first $(| $alias)* => {
                        let bit = 1 << At::$field as u32;
                        if seen & bit != 0 {
                            return None;
                        }
                        seen |= bit;
                        self.$field.fill(reader)
                    })*
                    _ => reader.skip(),
                })
            }
        }
    };
}

pub(super) use object;

object! {
    /// An order document.
    Document {
        order_id: Text<'a> = "order_id" | "orderId" | "orderid" | "id",
        merchant_id: Text<'a> = "merchant_id" | "merchantId" | "merchantid",
        company: Option<Company<'a>> = "company",
        customer_id: Text<'a> = "customerId" | "customer_id" | "customerid",
        customer: Option<Customer<'a>> = "customer",
        order_date: Text<'a> = "order_date" | "orderDate",
        items: Option<Vec<Item<'a>>> = "items",
        payment: Loose<Payment<'a>> = "payment",
        shipping: Option<Shipping<'a>> = "shipping",
        coupons: Option<Vec<Text<'a>>> = "coupons",
        order_status: Text<'a> = "order_status" | "orderStatus",
        shortage_policy: Text<'a> = "shortage_policy" | "shortagePolicy",
        channel: Text<'a> = "channel",
        notes: Any = "notes",
        amount: Number<'a> = "amount",
        from_account: Text<'a> = "fromAccount" | "from_account",
        to_account: Text<'a> = "toAccount" | "to_account",
    }
}

object! {
    /// Who sells.
    Company {
        name: Shown = "name",
        cnpj: Text<'a> = "cnpj",
    }
}

object! {
    /// Who buys.
    Customer {
        first_name: Any = "first_name" | "firstName",
        last_name: Any = "last_name" | "lastName",
        name: Any = "name",
        cpf: Text<'a> = "cpf",
        email: Text<'a> = "email",
        phone: Any = "phone",
        address: Loose<Address<'a>> = "address",
    }
}

object! {
    /// Where someone lives or gets their goods.
    Address {
        street: Shown = "street",
        number: Shown = "number",
        complement: Shown = "complement",
        neighborhood: Shown = "neighborhood",
        city: Shown = "city",
        state: Text<'a> = "state",
        zip_code: Text<'a> = "zip_code" | "zipCode",
    }
}

object! {
    /// One line.
    Item {
        product_id: Text<'a> = "product_id" | "productId" | "sku",
        description: Shown = "description",
        quantity: Number<'a> = "quantity",
        unit_price: Number<'a> = "unit_price" | "unitPrice" | "price",
    }
}

object! {
    /// How it is paid.
    Payment {
        method: Shown = "method",
        transaction_id: Shown = "transaction_id" | "transactionId",
        amount: Number<'a> = "amount",
    }
}

object! {
    /// How it gets there.
    Shipping {
        method: Shown = "method",
        cost: Number<'a> = "cost",
        address: Loose<Address<'a>> = "address",
        expected_delivery_date: Text<'a> = "expected_delivery_date" | "expectedDeliveryDate",
    }
}

impl<'a> Document<'a> {
    /// Reads a document, if every known field is of the right type and stands there once.
    /// Read into where it stands: it is too large to be handed around.
    pub(super) fn read(&mut self, text: &'a str) -> Option<()> {
        let mut reader = Reader::new(text);
        self.fill(&mut reader)?;
        reader.end()
    }
}

/// What belongs in a place of a document, whatever its spelling.
pub(super) fn expected(pointer: &str) -> Expected {
    let mut kind = &Kind::Object(Document::FIELDS);
    for segment in pointer.split('/').skip(1) {
        let field = match kind {
            Kind::Object(fields) | Kind::Loose(fields) => {
                fields.iter().find(|field| field.names.contains(&segment))
            }
            Kind::List(of) => {
                kind = of;
                continue;
            }
            Kind::Text | Kind::Number | Kind::Any => None,
        };
        let Some(field) = field else { break };
        kind = &field.kind;
    }
    match kind {
        Kind::Text | Kind::Any => Expected::Text,
        Kind::Number => Expected::Number,
        Kind::Object(_) | Kind::Loose(_) => Expected::Object,
        Kind::List(_) => Expected::List,
    }
}

/// The fields of an object that are none of `fields`, and what is unknown within those that are.
pub(super) fn unknown(object: &RawValue, fields: &[Field]) -> BTreeMap<String, Box<RawValue>> {
    let Ok(entries) = serde_json::from_str::<Entries<'_>>(object.get()) else {
        return BTreeMap::new();
    };
    let left = |(name, raw): (Cow<'_, str>, &RawValue)| {
        let known = fields.iter().find(|field| field.names.contains(&&*name));
        let left = known.map_or_else(|| Some(raw.to_owned()), |f| unknown_within(raw, &f.kind));
        left.map(|left| (name.into_owned(), left))
    };
    entries.0.into_iter().filter_map(left).collect()
}

/// What is unknown within a known field; `None` when nothing is.
fn unknown_within(raw: &RawValue, kind: &Kind) -> Option<Box<RawValue>> {
    match kind {
        Kind::Object(fields) | Kind::Loose(fields) => {
            let left = unknown(raw, fields);
            if left.is_empty() { None } else { to_raw_value(&left).ok() }
        }
        Kind::List(Kind::Object(fields)) => {
            let elements: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
            let left: Vec<_> = elements.iter().map(|element| unknown(element, fields)).collect();
            if left.iter().all(BTreeMap::is_empty) { None } else { to_raw_value(&left).ok() }
        }
        Kind::List(_) | Kind::Text | Kind::Number | Kind::Any => None,
    }
}

/// A text. Null and the empty text are no text.
#[derive(Default)]
pub(super) enum Text<'a> {
    /// None given.
    #[default]
    Absent,
    /// As it stands in the document.
    Given(&'a str),
    /// With its escapes resolved.
    Unescaped(Box<str>),
    /// A whole number: many systems number their orders. Its leading zeros are lost.
    Number(&'a str),
}

impl<'a> Slot<'a> for Text<'a> {
    const KIND: Kind = Kind::Text;
    fn fill(&mut self, reader: &mut Reader<'a>) -> Option<()> {
        match reader.peek() {
            b'"' => match reader.string()? {
                Quoted::Plain("") => {}
                Quoted::Plain(text) => *self = Self::Given(text),
                Quoted::Escaped(quoted) => *self = Self::Unescaped(unescape(quoted)?),
            },
            b'n' => reader.null()?,
            _ => *self = Self::whole(reader.number()?)?,
        }
        Some(())
    }
}

impl<'a> Text<'a> {
    /// A whole number of at most twenty digits, as a text.
    pub(super) fn whole(number: &'a str) -> Option<Self> {
        let is_whole = number.len() <= 20 && number.bytes().all(|byte| byte.is_ascii_digit());
        is_whole.then_some(Self::Number(number))
    }

    /// No text: absent, null or empty.
    pub(super) fn is_absent(&self) -> bool {
        self.get().is_none()
    }

    /// The text, when there is one; a number as its digits.
    pub(super) fn get(&self) -> Option<&str> {
        match self {
            Self::Absent => None,
            Self::Given(text) => Some(text),
            Self::Unescaped(text) => Some(text),
            Self::Number(digits) => Some(digits),
        }
    }

    /// The text; a number with the leading zeros that a JSON number cannot have.
    pub(super) fn padded(&self, len: usize) -> Option<Cow<'_, str>> {
        match self {
            Self::Number(digits) => Some(Cow::Owned(format!("{digits:0>len$}"))),
            Self::Absent | Self::Given(_) | Self::Unescaped(_) => self.get().map(Cow::Borrowed),
        }
    }
}

/// A text that is only shown: that it is one is all there is to know.
#[derive(Default)]
pub(super) struct Shown;

impl<'a> Slot<'a> for Shown {
    const KIND: Kind = Kind::Text;
    fn fill(&mut self, reader: &mut Reader<'a>) -> Option<()> {
        match reader.peek() {
            b'"' => match reader.string()? {
                Quoted::Plain(_) => Some(()),
                Quoted::Escaped(quoted) => unescapes(quoted).then_some(()),
            },
            b'n' => reader.null(),
            _ => Text::whole(reader.number()?).map(|_| ()),
        }
    }
}

/// A value that is only shown, of any kind.
#[derive(Default)]
pub(super) struct Any;

impl<'a> Slot<'a> for Any {
    const KIND: Kind = Kind::Any;
    fn fill(&mut self, reader: &mut Reader<'a>) -> Option<()> {
        match reader.peek() {
            b'"' => Shown.fill(reader),
            _ => reader.skip(),
        }
    }
}

/// An object, or a value of another kind that is only shown.
pub(super) struct Loose<T>(pub(super) Option<T>);

impl<T> Default for Loose<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'a, T: Object<'a>> Slot<'a> for Loose<T> {
    const KIND: Kind = Kind::Loose(T::FIELDS);
    fn fill(&mut self, reader: &mut Reader<'a>) -> Option<()> {
        match reader.peek() {
            b'{' => self.0.insert(T::default()).fill(reader),
            _ => Any.fill(reader),
        }
    }
}

/// A number as it was written, alone or in a text; empty when absent, null or an empty text.
#[derive(Clone, Copy, Default)]
pub(super) struct Number<'a>(&'a str);

impl<'a> Slot<'a> for Number<'a> {
    const KIND: Kind = Kind::Number;
    fn fill(&mut self, reader: &mut Reader<'a>) -> Option<()> {
        match reader.peek() {
            // Escapes stay: a text with escapes is no number.
            b'"' => self.0 = reader.string()?.raw().trim_ascii(),
            b'n' => reader.null()?,
            _ => self.0 = reader.number()?,
        }
        Some(())
    }
}

impl<'a> Number<'a> {
    /// No number: absent, null or an empty text.
    pub(super) fn is_absent(self) -> bool {
        self.0.is_empty()
    }

    /// What was written.
    pub(super) fn as_str(self) -> &'a str {
        self.0
    }
}

/// The fields of an object in their order, repetitions included.
pub(super) struct Entries<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Pairs<'a> {
            type Value = Entries<'a>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'a>, A::Error> {
                let mut entries = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    entries.push((name, value));
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Pairs(PhantomData))
    }
}

/// A field name, borrowed unless it holds escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Text<'a> {
            type Value = Name<'a>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }
            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'a>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }
            fn visit_str<E>(self, name: &str) -> Result<Name<'a>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(Text(PhantomData))
    }
}
