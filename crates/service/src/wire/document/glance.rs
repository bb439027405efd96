//! What a kept document says of an order beyond what its events do: its lines, when it was
//! ordered, where it goes, how it is paid. One pass that skips everything else; for whoever makes
//! tables of millions of orders.
//!
//! Never: a judgement. The document was judged when it came in; what is of another shape is
//! missing here.

use compact_str::CompactString;
use domain::id::Sku;
use domain::time::Timestamp;
use jiff::tz::TimeZone;

use super::date::Moment;
use super::reader::Reader;
use super::shape::{Field, Item, Kind, Loose, Object, Slot, Text, object};
use super::{number, repair, text};
use crate::wire::csv;

/// What a kept document says. Personal data is not in it, as long as a city is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// Product and quantity of each line, in order; none for a transfer.
    pub lines: Vec<(Sku, i64)>,
    /// When the buyer ordered.
    pub ordered_at: Option<Timestamp>,
    /// The city it goes to, else the buyer's, as written.
    pub city: Option<CompactString>,
    /// The state of the same address, as written.
    pub state: Option<CompactString>,
    /// The postal code of the same address, eight digits where it is a number.
    pub zip_code: Option<CompactString>,
    /// How it is paid, as written.
    pub payment_method: Option<CompactString>,
}

object! {
    /// The fields of a document that a glance is for.
    Page {
        customer: Option<Person<'a>> = "customer",
        order_date: Text<'a> = "order_date" | "orderDate",
        items: Option<Vec<Item<'a>>> = "items",
        payment: Loose<Means<'a>> = "payment",
        shipping: Option<Way<'a>> = "shipping",
    }
}

object! {
    /// Who buys.
    Person {
        address: Loose<Place<'a>> = "address",
    }
}

object! {
    /// Where someone lives or gets their goods.
    Place {
        city: Text<'a> = "city",
        state: Text<'a> = "state",
        zip_code: Text<'a> = "zip_code" | "zipCode",
    }
}

object! {
    /// How it is paid.
    Means {
        method: Text<'a> = "method",
    }
}

object! {
    /// How it gets there.
    Way {
        address: Loose<Place<'a>> = "address",
    }
}

/// Looks at a kept original, JSON or rows, of an order that was taken in; `zone` is that of dates
/// without one. `None` for bytes that are no document.
///
/// ```
/// use service::wire::document::glance;
/// let document = br#"{"order_id": "o", "items": [{"sku": "PEN", "quantity": "2"}],
///     "shipping": {"address": {"city": "Recife", "state": "PE", "zip_code": 50010040}}}"#;
/// let seen = glance(document, &jiff::tz::TimeZone::UTC).unwrap();
/// assert_eq!((seen.lines[0].0.as_str(), seen.lines[0].1), ("PEN", 2));
/// assert_eq!((seen.city.as_deref(), seen.zip_code.as_deref()), (Some("Recife"), Some("50010040")));
/// ```
#[must_use]
pub fn glance(original: &[u8], zone: &TimeZone) -> Option<Glance> {
    let json = csv::canonical(original);
    let json = text(&json).ok()?;
    let mut page = Page::default();
    if page.read(json).is_some() {
        return Some(page.glance(zone));
    }
    // Only a document of an odd shape is looked at again, as it was when it came in.
    let repaired = repair::repaired(json).ok()?;
    let mut page = Page::default();
    page.read(&repaired).map(|()| page.glance(zone))
}

impl<'a> Page<'a> {
    fn read(&mut self, json: &'a str) -> Option<()> {
        let mut reader = Reader::new(json);
        self.fill(&mut reader)?;
        reader.end()
    }

    fn glance(&self, zone: &TimeZone) -> Glance {
        let shipping = self.shipping.as_ref().and_then(|way| way.address.0.as_ref());
        let home = self.customer.as_ref().and_then(|person| person.address.0.as_ref());
        let place = shipping.filter(|place| place.is_given()).or(home);
        let ordered = self.order_date.get().and_then(|date| Moment::parse(date, zone));
        Glance {
            lines: self.items.iter().flatten().filter_map(line).collect(),
            ordered_at: ordered.map(|moment| moment.at),
            city: place.and_then(|place| place.city.get()).map(CompactString::new),
            state: place.and_then(|place| place.state.get()).map(CompactString::new),
            zip_code: place.and_then(|place| place.zip_code.padded(8)).map(CompactString::new),
            payment_method: self.payment.0.as_ref().and_then(|p| p.method.get()).map(Into::into),
        }
    }
}

impl Place<'_> {
    fn is_given(&self) -> bool {
        !(self.city.is_absent() && self.state.is_absent() && self.zip_code.is_absent())
    }
}

fn line(item: &Item<'_>) -> Option<(Sku, i64)> {
    let sku = Sku::parse(item.product_id.get()?).ok()?;
    Some((sku, number::integer(item.quantity.as_str()).ok()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn seen(original: &str) -> Glance {
        glance(original.as_bytes(), &TimeZone::UTC).unwrap()
    }

    fn lines(glance: &Glance) -> Vec<(&str, i64)> {
        glance.lines.iter().map(|(sku, quantity)| (sku.as_str(), *quantity)).collect()
    }

    #[test]
    fn rows_of_a_table_are_seen_like_a_document() {
        let header = "order_id;customer_id;sku;quantity;price;customer.address.city";
        let seen = seen(&format!("{header}\no;c;PEN;2;1,50;Olinda\no;c;CAP;1;3,00;Olinda\n"));
        assert_eq!(lines(&seen), [("PEN", 2), ("CAP", 1)]);
        assert_eq!(seen.city.as_deref(), Some("Olinda"));
    }

    #[test]
    fn a_document_of_an_odd_shape_is_seen_as_it_was_taken_in() {
        let seen = seen(
            r#"{"order_date": "2025-01-09", "orderDate": "2025-01-09",
                "items": [{"sku": "PEN", "product_id": "PEN", "quantity": 3}],
                "payment": "in cash", "shipping": {"address": "at the counter"},
                "customer": {"address": {"city": "Olinda", "zipCode": 1310100}}}"#,
        );
        assert_eq!(lines(&seen), [("PEN", 3)]);
        assert_eq!(seen.ordered_at, Some(Timestamp(1_736_380_800_000_000)));
        assert_eq!((seen.city.as_deref(), seen.payment_method), (Some("Olinda"), None));
        assert_eq!(seen.zip_code.as_deref(), Some("01310100"), "with the zero that was lost");
    }

    #[test]
    fn what_is_no_document_is_not_seen() {
        for bytes in [&b""[..], b"[]", b"{", b"\xff{}"] {
            assert_eq!(glance(bytes, &TimeZone::UTC), None);
        }
    }
}
