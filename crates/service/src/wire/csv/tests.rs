//! Stories of rows: what they become, and what is wrong with them.

use domain::id::MerchantId;
use domain::order::Body;

use super::*;
use crate::wire::violation::Code;

fn settings() -> Settings {
    Settings::new(MerchantId::parse("shop").unwrap())
}

fn json(header: &str, rows: &str) -> serde_json::Value {
    let layout = Layout::parse(header.as_bytes()).unwrap();
    serde_json::from_slice(&layout.convert(rows.as_bytes()).json).unwrap()
}

/// Violations as `pointer code line column`.
fn faults(header: &str, rows: &[u8]) -> Vec<String> {
    let layout = Layout::parse(header.as_bytes()).unwrap();
    let Err(Fault::Invalid { violations, .. }) = layout.read(rows, &settings()) else {
        return Vec::new();
    };
    let kept = layout.original(rows);
    let errors =
        violations.iter().filter(|v| v.severity == crate::wire::violation::Severity::Error);
    let text = |v: &crate::wire::violation::Violation| {
        let at = locate(&kept, &v.pointer, v.code.as_str()).unwrap();
        let column = at.column.map_or("-".to_owned(), |column| column.to_string());
        format!("{} {} {} {column}", v.pointer, v.code.as_str(), at.line)
    };
    errors.map(text).collect()
}

#[test]
fn every_spelling_of_a_column_is_the_same_field() {
    let expected = serde_json::json!({
        "order_id": "o", "merchant_id": "m",
        "company": {"cnpj": "11222333000181"},
        "customer": {"name": "Ana", "cpf": "52998224725", "address": {"city": "Olinda"}},
        "shipping": {"cost": "9.90", "address": {"city": "Recife"}},
        "payment": {"amount": "12.50"}, "coupons": ["A", "B"], "gift": "yes",
        "items": [{"product_id": "PEN", "quantity": "2", "unit_price": "1.30"}],
    });
    let headers = [
        "order_id;merchant_id;company.cnpj;customer.name;customer.cpf;customer.address.city;\
         shipping.cost;shipping.address.city;payment.amount;coupons;gift;items.product_id;\
         items.quantity;items.unit_price",
        "orderId;merchantId;cnpj;customer_name;customer_cpf;address.city;shipping_cost;\
         shipping_address_city;payment_amount;Coupons;gift;sku;Quantity;unitPrice",
        "ID;MERCHANTID;company_cnpj;CUSTOMER.NAME;cpf;address_city;cost;shipping.address.city;\
         payment.amount;coupons;gift;productId;item_quantity;price",
    ];
    let row = "o;m;11222333000181;Ana;52998224725;Olinda;9,90;Recife;12,50;A|B;yes;PEN;2;1,30";
    for header in headers {
        assert_eq!(json(header, row), expected, "{header}");
    }
}

#[test]
fn rows_of_one_order_are_its_lines_and_agree_about_the_rest() {
    let header = "order_id,customerId,sku,quantity,price,color,channel";
    let rows = "o,c,A,1,2.50,red,web\no,,B,2,\"1,234.50\",blue,\no,c,C,3,,,web";
    let expected = serde_json::json!({
        "order_id": "o", "customerId": "c", "channel": "web",
        "items": [
            {"product_id": "A", "quantity": "1", "unit_price": "2.50", "color": "red"},
            {"product_id": "B", "quantity": "2", "unit_price": "1234.50", "color": "blue"},
            {"product_id": "C", "quantity": "3"},
        ],
    });
    let mut found = json(header, rows);
    let name = found["customerId"].take();
    let by_first = found.as_object_mut().unwrap().remove("customer_id");
    let object = found.as_object_mut().unwrap();
    object.insert("customerId".to_owned(), by_first.unwrap_or(name));
    assert_eq!(found, expected);
    let layout = Layout::parse(header.as_bytes()).unwrap();
    let read = layout.read(rows.as_bytes(), &settings()).unwrap();
    let document::Command::Create(order) = read.command else { panic!("not a create") };
    let Body::Purchase(purchase) = order.body else { panic!("not a purchase") };
    assert_eq!(purchase.lines.as_slice().len(), 3);
}

#[test]
fn a_transfer_and_a_command_are_rows_too() {
    let transfer = json("id;amount;fromAccount;to_account", "t;1.500,25;001;002");
    let expected = serde_json::json!(
        {"order_id": "t", "amount": "1500.25", "fromAccount": "001", "toAccount": "002"});
    assert_eq!(transfer, expected);
    let cancel = json("id\torder_status", "o\tPedidoCancelado");
    assert_eq!(cancel, serde_json::json!({"order_id": "o", "order_status": "PedidoCancelado"}));
}

#[test]
fn what_is_wrong_is_said_with_field_line_and_column() {
    let header = "order_id;customerId;sku;quantity;price";
    let cases: [(&[u8], &[&str]); 8] = [
        (b"o;c;A;1;1.234", &["/items/0/unit_price ambiguous_number 0 5"]),
        (
            b"o;c;A;1;1,00\no;c;B;1,5;x",
            &["/items/1/quantity bad_quantity 1 4", "/items/1/unit_price not_a_number 1 5"],
        ),
        (b"o;c;A;1;1\no;d;B;1;1", &["/customerId conflicting_values 1 2"]),
        (b"o;c;A;1", &[" row_width 0 -"]),
        (b"o;c;A;1;1\no;c;B;1;1;extra", &[" row_width 1 -"]),
        (b"o;c;A;1;1\no;c;\"B;1;1", &[" bad_quotes 1 -"]),
        (b"o;c;caf\xe9;1;1\no;c;B;1;1", &[" not_utf8 0 -"]),
        (b";c;A;1;1", &["/order_id required 0 1"]),
    ];
    for (rows, expected) in cases {
        let found = faults(header, rows);
        assert_eq!(found, expected, "{}", String::from_utf8_lossy(rows));
    }
}

#[test]
fn a_header_that_is_none_is_refused_with_the_reason() {
    let many = format!("order_id{}", ";x".repeat(COLUMNS_MAX));
    let cases: [(&[u8], LayoutError); 9] = [
        (b"order_id;descri\xe7\xe3o", LayoutError::NotUtf8),
        (b"order_id", LayoutError::NoSeparator),
        (b"order_id;sku,quantity", LayoutError::AmbiguousSeparator),
        (b"sku;quantity", LayoutError::NoOrderId),
        (b"id;sku;orderId", LayoutError::Twice(1, 3)),
        (b"id;gift;gift", LayoutError::Twice(2, 3)),
        (b"id;customer", LayoutError::HasParts("customer".into())),
        (b"id;\"sku", LayoutError::BadQuotes),
        (many.as_bytes(), LayoutError::TooLarge),
    ];
    for (header, error) in cases {
        assert_eq!(Layout::parse(header), Err(error), "{}", String::from_utf8_lossy(header));
    }
    assert!(Layout::parse(b"id;\"sku\";\"a;b,c\";;comanda_fault;comanda_fault").is_ok());
}

#[test]
fn every_code_of_rows_has_a_name() {
    for code in [Code::RowsApart, Code::RowWidth, Code::BadQuotes, Code::NotUtf8] {
        assert_eq!(Code::parse(code.as_str()), Some(code));
    }
}

proptest::proptest! {
    #[test]
    fn rows_that_are_well_formed_are_read_as_csv_readers_read_them(
        cells in proptest::collection::vec(
            proptest::collection::vec("[a-zé \";\n\r,']{0,6}", 2..5), 1..6),
    ) {
        let mut writer = csv_reference::WriterBuilder::new()
            .delimiter(b';').flexible(true).from_writer(Vec::new());
        for row in &cells {
            writer.write_record(row).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let mut reader = csv_reference::ReaderBuilder::new()
            .delimiter(b';').flexible(true).has_headers(false).from_reader(&bytes[..]);
        let mut expected: Vec<Vec<String>> = reader.records().map(Result::unwrap)
            .map(|row| row.iter().map(|cell| cell.trim().to_owned()).collect()).collect();
        let (mut at, mut found, mut ranges) = (0, Vec::new(), Vec::new());
        while at < bytes.len() {
            match rows::row(&bytes[at..], b';', true, &mut ranges) {
                rows::Row::Whole { next, .. } => {
                    let text = std::str::from_utf8(&bytes[at..]).unwrap();
                    let cell = |range: &Range<usize>| rows::text(&text[range.clone()]).into_owned();
                    found.push(ranges.iter().map(cell).collect::<Vec<_>>());
                    at += next;
                }
                rows::Row::Blank { next } => at += next,
                other => panic!("{other:?} at {at} of {:?}", String::from_utf8_lossy(&bytes)),
            }
        }
        let is_row = |row: &Vec<String>| row.iter().any(|cell| !cell.is_empty());
        found.retain(is_row);
        expected.retain(is_row);
        proptest::prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_bytes_bring_the_reader_down(
        header in "(id|order_id|sku|;|,|\t|\"|quantity|x|customer.name){1,8}", bytes: Vec<u8>,
    ) {
        if let Ok(layout) = Layout::parse(header.as_bytes()) {
            drop(layout.read(&bytes, &settings()));
            let kept = layout.original(&bytes);
            drop((canonical(&kept).into_owned(), locate(&kept, "/items/0/sku", "x")));
        }
    }
}
