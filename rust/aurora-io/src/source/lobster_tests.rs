#![allow(clippy::unwrap_used)]

use super::*;
use crate::source::open;
use crate::source::test_support::{read, Folder, Read};

const NAME: &str = "AAPL_2012-06-21_34200000_57600000_message_2.csv";
const BOOKS: &str = "AAPL_2012-06-21_34200000_57600000_orderbook_2.csv";
/// 2012-06-21 00:00 UTC, by `date -u -d 2012-06-21 +%s`.
const MIDNIGHT_NS: i64 = 1_340_236_800_000_000_000;
const MESSAGES: &str = "34200.004241176,1,11,18,5853300,1\n\
                        34200.00426064,4,12,7,5853200,1\n\
                        34201,5,0,3,5855000,-1\n\
                        34202.5,7,0,0,-1,-1\n\
                        34203,6,0,100,5855000,-1\n\
                        34204,3,11,18,5853300,1\n";
const BOOK_ROWS: &str = "5859400,200,5853300,18,5859800,200,-9999999999,0\n\
                         5859400,200,5853300,11,9999999999,0,100,1\n\
                         5859400,200,5853300,11,9999999999,0,100,1\n\
                         5859400,200,5853300,11,9999999999,0,100,1\n\
                         5859400,200,5853300,11,9999999999,0,100,1\n\
                         9999999999,0,-9999999999,0,9999999999,0,-9999999999,0\n";

fn read_both(messages: &str, books: Option<&str>) -> Read {
    let folder = Folder::new();
    let path = folder.write(NAME, messages);
    if let Some(books) = books {
        folder.write(BOOKS, books);
    }
    read(&mut *open(&path).unwrap())
}

fn texts(found: &Read) -> Vec<String> {
    let text = |e: &crate::source::test_support::Seen| {
        format!(
            "{} {:?} {} [{}] [{}]",
            e.stream, e.kind, e.flags, e.bids, e.asks
        )
    };
    found.events.iter().map(text).collect()
}

#[test]
fn each_event_gives_its_trade_and_its_book() {
    let found = read_both(MESSAGES, Some(BOOK_ROWS));
    assert_eq!(found.faults, [""; 0]);
    assert_eq!((found.records, found.ignored), (6, 1));
    let book = "orderbook Snapshot 0 [585.3300x11 0.0100x1] [585.9400x200]";
    assert_eq!(
        texts(&found),
        [
            "orderbook Snapshot 0 [585.3300x18] [585.9400x200 585.9800x200]",
            "trade Trade 2 [585.3200x7] []",
            book,
            "hidden Trade 0 [585.5000x3] []",
            book,
            "cross Trade 20 [585.5000x100] []",
            book,
            "orderbook Snapshot 0 [] []",
        ]
    );
    let first = &found.events[0];
    assert_eq!(first.key, "lobster:AAPL");
    assert_eq!(first.local_ns, MIDNIGHT_NS + 34_200_004_241_176);
    assert_eq!(found.events[1].local_ns, MIDNIGHT_NS + 34_200_004_260_640);
    assert_eq!(first.exchange_ns, Some(first.local_ns));
}

#[test]
fn without_books_known_orders_make_increments() {
    let messages = "34200,1,11,18,5853300,1\n\
                    34200,1,12,5,5853300,1\n\
                    34200,2,11,8,5853300,1\n\
                    34200,4,11,10,5853300,1\n\
                    34200,3,99,40,5853300,1\n\
                    34200,4,98,6,5853300,1\n\
                    34200,5,0,9,5853300,1\n\
                    34200,3,12,5,5853300,1\n\
                    34200,1,13,5,1,-1\n";
    let found = read_both(messages, None);
    assert_eq!((found.faults.len(), found.ignored), (0, 1));
    assert_eq!(
        texts(&found),
        [
            "order Diff 0 [585.3300x18] []",
            "order Diff 0 [585.3300x23] []",
            "order Diff 0 [585.3300x15] []",
            "trade Trade 2 [585.3300x10] []",
            "order Diff 0 [585.3300x5] []",
            "trade Trade 2 [585.3300x6] []",
            "hidden Trade 2 [585.3300x9] []",
            "order Diff 0 [585.3300x0] []",
            "order Diff 0 [] [0.0001x5]",
        ]
    );
}

#[test]
fn damage_is_told_with_its_line_and_both_files_stay_level() {
    let lines: Vec<&str> = MESSAGES.lines().collect();
    for (bad, says) in [
        ("34200.5,8,12,7,5853200,1", "an event type from 1 to 7"),
        ("34200.5,4,12,7,5853200,2", "direction 1 or -1"),
        ("34200.5,4,12,-7,5853200,1", "field \"size\""),
        ("34200.5,4,12,7,58.5,1", "a price in ten-thousandths"),
        ("34200.5,4,12,7,-1,1", "a price in ten-thousandths"),
        ("99999.5,4,12,7,5853200,1", "seconds after midnight"),
        ("noon,4,12,7,5853200,1", "seconds after midnight"),
        ("34200.5,4,12,7,5853200", "as many fields"),
    ] {
        let mut changed = lines.clone();
        changed[1] = bad;
        let found = read_both(&changed.join("\n"), Some(BOOK_ROWS));
        assert_eq!(found.faults.len(), 1, "{bad}: {:?}", found.faults);
        let fault = &found.faults[0];
        assert!(
            fault.contains("_message_2.csv, line 2: ") && fault.contains(says),
            "{fault}"
        );
        assert_eq!(
            texts(&found)[0],
            texts(&read_both(MESSAGES, Some(BOOK_ROWS)))[0]
        );
        assert_eq!(texts(&found).last().unwrap(), "orderbook Snapshot 0 [] []");
    }
    let books = BOOK_ROWS.replacen("5853300,11", "5853300,x", 1);
    let found = read_both(MESSAGES, Some(&books));
    assert_eq!(found.faults.len(), 1);
    assert!(
        found.faults[0].contains("_orderbook_2.csv, line 2: field \"size\""),
        "{:?}",
        found.faults
    );
}

#[test]
fn files_of_different_length_are_told() {
    let shorter: String = BOOK_ROWS.split_inclusive('\n').take(4).collect();
    let found = read_both(MESSAGES, Some(&shorter));
    assert!(
        found.faults[0].contains("_orderbook_2.csv, line 5: the books end before"),
        "{:?}",
        found.faults
    );
    assert_eq!(found.records, 4);
    let longer = format!("{BOOK_ROWS}1,1,1,1,1,1,1,1\n");
    let found = read_both(MESSAGES, Some(&longer));
    assert!(
        found.faults[0].contains("line 7: a book behind the last event"),
        "{:?}",
        found.faults
    );
    assert_eq!(found.records, 6);
}

#[test]
fn a_file_of_books_names_the_file_to_give() {
    let folder = Folder::new();
    let error = open(&folder.write(BOOKS, BOOK_ROWS))
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains(&format!("give {NAME} instead")), "{error}");
}

#[test]
fn names_give_symbol_and_day() {
    let day = |name: &str| parse_name(name).map(|(symbol, ns)| (symbol, ns / DAY_NS));
    assert_eq!(day("AAPL_1970-01-01_x"), Some(("AAPL".into(), 0)));
    assert_eq!(
        day("A_2012-06-21_x"),
        Some(("A".into(), MIDNIGHT_NS / DAY_NS))
    );
    assert_eq!(day("A_2000-02-29_x"), Some(("A".into(), 11_016)));
    assert_eq!(day("A_2023-12-31_x"), Some(("A".into(), 19_722)));
    for name in [
        "A_2023-02-29_x",
        "A_2023-13-01_x",
        "A_2023-1-01_x",
        "_2023-01-01_x",
        "A_2023-01-01",
        "x",
    ] {
        assert_eq!(day(name), None, "{name}");
    }
    let folder = Folder::new();
    let error = open(&folder.write("events.csv", MESSAGES))
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("keeps symbol and day in its name"),
        "{error}"
    );
}

#[test]
fn other_rows_are_no_lobster_rows() {
    for line in [
        "34200.004241176,1,16113575,18,5853300,1",
        "1,2,3,4",
        "1,2,3,-9999999999",
    ] {
        assert!(is_row(line.as_bytes()), "{line}");
    }
    for line in [
        "",
        "1723161255030314667 {\"a\":1}",
        "1,2,3",
        "a,b,c,d",
        "1.5,2,3,4",
        "1,2,3,4,5,",
        "{}",
    ] {
        assert!(!is_row(line.as_bytes()), "{line}");
    }
}
