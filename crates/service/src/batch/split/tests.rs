//! Stories of the splitter, and properties of the one for rows.

use super::*;

fn split(input: &[u8], format: Format, at: u64, items_max: usize) -> Vec<String> {
    let input = &input[at as usize..];
    let mut splitter = Splitter::new(input, &format, Prefix { bytes: at, ..Prefix::default() });
    let mut found = Vec::new();
    while let Some(chunk) = splitter.next(items_max).expect("it splits") {
        found.extend(
            chunk
                .items
                .iter()
                .map(|item| String::from_utf8_lossy(&chunk.bytes[item.range()]).trim().to_owned()),
        );
        if chunk.is_last {
            assert_eq!(chunk.end, at + input.len() as u64);
        }
    }
    found
}

#[test]
fn lines_are_items_whatever_ends_them() {
    for items_max in [1, 2, 100] {
        let input = b"{\"a\":1}\r\n\n  \n[2]\n\"x\"";
        let found = split(input, Format::JsonLines, 0, items_max);
        assert_eq!(found, ["{\"a\":1}", "[2]", "\"x\""]);
    }
    assert!(split(b"", Format::JsonLines, 0, 5).is_empty());
}

#[test]
fn a_documents_orders_are_items_and_its_other_fields_are_found() {
    let document = br#" {"batchId":"b\"1","orders":[ {"a":"]}\\"} ,[1,{"b":2}], 3 ,"x,y"],
        "metadata":{"k":"v"},"pricingRules":[],"other":[{"orders":[9]}]} "#;
    let header = header(&document[..]).expect("it has a header");
    assert_eq!(header.batch_id.as_deref(), Some(&br#""b\"1""#[..]));
    assert_eq!(header.metadata.as_deref(), Some(&br#"{"k":"v"}"#[..]));
    assert_eq!(header.pricing_rules.as_deref(), Some(&b"[]"[..]));
    for items_max in [1, 3, 100] {
        let found = split(document, Format::Document, header.orders_at, items_max);
        assert_eq!(found, [r#"{"a":"]}\\"}"#, r#"[1,{"b":2}]"#, "3", r#""x,y""#]);
    }
}

#[test]
fn a_document_that_breaks_off_or_goes_on_is_refused() {
    for text in [
        r#"{"orders":[],"metadata":}"#,
        "",
        "7",
        "{\"orders\":[{}",
        "[1] x",
        "{\"orders\":{}}",
        "{\"a\":1}",
        "[\"x",
    ] {
        assert!(header(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn an_item_larger_than_a_document_is_skipped_and_its_neighbours_are_not() {
    let large = format!("\"{}\"", "x".repeat(3 << 20));
    let lines = format!("1\n{large}\n2\n");
    let array = format!("[1,{large},2]");
    for (input, format, at) in [(lines, Format::JsonLines, 0), (array, Format::Document, 1)] {
        let mut splitter = Splitter::new(&input.as_bytes()[at..], &format, Prefix::default());
        let mut found = Vec::new();
        while let Some(chunk) = splitter.next(10).expect("it splits") {
            found.extend(chunk.items.iter().map(|item| item.flaw.is_some()));
        }
        assert_eq!(found, [false, true, false], "{format:?}");
    }
}

const HEADER: &str = "order_id;merchant_id;sku;quantity;customerId";

/// An item: its bytes, its flaw, its line, where it begins.
type Cut = (String, Option<Flaw>, u64, u64);

/// Cuts a table read `block` bytes at a time, some items a chunk; where each chunk ends.
fn table(rows: &str, block: usize, items_max: usize) -> (Vec<Cut>, Vec<u64>) {
    let layout = Arc::new(Layout::parse(HEADER.as_bytes()).expect("a header"));
    let mut splitter = Splitter::new(rows.as_bytes(), &Format::Table(layout), Prefix::default());
    splitter.block = block;
    cuts(&mut splitter, items_max)
}

fn cuts(splitter: &mut Splitter<&[u8]>, items_max: usize) -> (Vec<Cut>, Vec<u64>) {
    let (mut items, mut ends) = (Vec::new(), Vec::new());
    while let Some(chunk) = splitter.next(items_max).expect("a table splits") {
        assert!(chunk.items.len() <= items_max);
        for item in &chunk.items {
            let before = &chunk.bytes[..item.range().start];
            let line = chunk.line + before.iter().filter(|b| **b == b'\n').count() as u64;
            let text = String::from_utf8_lossy(&chunk.bytes[item.range()]).into_owned();
            items.push((text, item.flaw, line, chunk.begin + item.range().start as u64));
        }
        ends.push(chunk.end);
    }
    (items, ends)
}

fn texts(rows: &str) -> Vec<String> {
    table(rows, READ_BYTES, 100).0.into_iter().map(|(text, ..)| text).collect()
}

#[test]
fn consecutive_rows_of_one_order_are_one_item() {
    let rows = "1;m;A;1;c\r\n1;;B;2;\r\n\r\n;;;;\r\n1;n;A;1;c\n2;;A;1;c\n;;C;3;\n3;m;\"x\ny\";1;c";
    let expected = ["1;m;A;1;c\r\n1;;B;2;", "1;n;A;1;c", "2;;A;1;c\n;;C;3;", "3;m;\"x\ny\";1;c"];
    assert_eq!(texts(rows), expected);
    let lines: Vec<u64> = table(rows, READ_BYTES, 100).0.iter().map(|item| item.2).collect();
    assert_eq!(lines, [1, 5, 6, 8]);
}

#[test]
fn a_lost_quotation_mark_swallows_no_neighbour() {
    let rows = "1;m;A;1;c\n2;m;\"A;1;c\n3;m;\"B\";1;c\n4;m;C;1;c\n";
    assert_eq!(texts(rows), rows.lines().collect::<Vec<_>>());
    let open = "1;m;A;1;c\n2;m;A;1;\"c\n3;m;B;1;c\n";
    assert_eq!(texts(open), open.lines().collect::<Vec<_>>());
}

#[test]
fn a_row_of_nobody_knows_which_order_breaks_the_order_around_it_and_no_other() {
    let between = "1;m;A;1;c\n\"x;m;B;1;c\n1;m;C;1;c\n2;m;A;1;c\n";
    assert_eq!(texts(between), ["1;m;A;1;c\n\"x;m;B;1;c\n1;m;C;1;c", "2;m;A;1;c"]);
    let apart = "1;m;A;1;c\n;m;B;1;c\n2;m;A;1;c\n";
    assert_eq!(texts(apart), apart.lines().collect::<Vec<_>>());
}

#[test]
fn rows_of_one_order_that_stand_apart_are_flawed() {
    let (items, _) = table("1;m;A;1;c\n2;m;A;1;c\n1;m;B;1;c\n1;n;B;1;c\n", READ_BYTES, 100);
    let flaws: Vec<_> = items.into_iter().map(|(_, flaw, ..)| flaw).collect();
    assert_eq!(flaws, [None, None, Some(Flaw::Apart), None]);
}

#[test]
fn an_order_of_too_many_rows_and_a_line_without_end_fail_alone() {
    let mut rows = "1;m;A;1;c\n".to_owned();
    rows += &"2;m;A;1;c\n".repeat(60_000);
    rows += &format!("3;m;A;1;c\n4;m;{};1;c\n5;m;A;1;c\n", "x".repeat(200 << 10));
    rows += &format!("6;m;{};1;c\n7;m;A;1;c\n", "y".repeat(3 << 20));
    let (items, _) = table(&rows, READ_BYTES, 100);
    let seen: Vec<_> = items.iter().map(|(text, flaw, ..)| (&text[..1], *flaw)).collect();
    let large = Some(Flaw::TooLarge);
    let expected =
        [("1", None), ("2", large), ("3", None), ("4", large), ("5", None), ("6", large)];
    assert_eq!(seen[..6], expected);
    assert_eq!(seen[6..], [("7", None)]);
    assert_eq!(items[2].2, 60_002, "lines are counted on");
}

proptest::proptest! {
    #[test]
    fn a_table_cut_anywhere_gives_the_same_orders(
        rows in r#"((1|2|3|4|)(;|)(m|n|);(A|"A"|"A|"A;\n"|B"|é|);[1-3]?;(c|d|)(\n|\r\n|\r|\n\n|;;)){0,30}"#,
        block in 1_usize..40,
        items_max in 1_usize..5,
    ) {
        let (whole, _) = table(&rows, READ_BYTES, 1_000);
        let (cut, ends) = table(&rows, block, items_max);
        proptest::prop_assert_eq!(&cut, &whole, "{:?}", rows);
        // And whoever goes on behind any checkpoint finds the rest.
        let layout = Arc::new(Layout::parse(HEADER.as_bytes()).expect("a header"));
        for end in ends {
            let (done, rest) = rows.as_bytes().split_at(end as usize);
            let format = Format::Table(layout.clone());
            let mut earlier = Splitter::new(done, &format, Prefix::default());
            let (mut found, _) = cuts(&mut earlier, 7);
            let mut later = Splitter::resume(rest, earlier.without_input());
            found.extend(cuts(&mut later, 3).0);
            proptest::prop_assert_eq!(&found, &whole, "{:?} at {}", rows, end);
        }
    }
}
