#![allow(clippy::unwrap_used)]

use super::*;
use crate::source::test_support::Folder;

fn rows(content: &str) -> (Folder, CsvRows) {
    let folder = Folder::new();
    let path = folder.write("table.csv", content);
    let rows = CsvRows::open(&path).unwrap();
    (folder, rows)
}

fn row(rows: &CsvRows) -> Vec<String> {
    (0..rows.width())
        .map(|n| String::from_utf8_lossy(rows.field(n)).into_owned())
        .collect()
}

#[test]
fn fields_with_quotes_blank_lines_and_either_line_end() {
    let (_folder, mut rows) = rows("a,\"b,c\",\r\n\n\"\",2,\"3\"\r\n\r\n,,");
    assert!(rows.advance().unwrap());
    assert_eq!(row(&rows), ["a", "b,c", ""]);
    assert_eq!(
        (rows.line(), rows.place(1)),
        (1, Place { line: 1, byte: 3 })
    );
    assert!(rows.advance().unwrap());
    assert_eq!(row(&rows), ["", "2", "3"]);
    assert_eq!(rows.line(), 3);
    assert!(rows.advance().unwrap());
    assert_eq!(row(&rows), ["", "", ""]);
    assert!(!rows.advance().unwrap());
    assert_eq!(rows.field(99), b"");
}

#[test]
fn a_header_with_a_byte_order_mark() {
    let folder = Folder::new();
    let path = folder.write("table.csv", "\u{feff}one,\"two\"\n1,2\n");
    let (mut rows, header) = CsvRows::open_with_header(&path).unwrap();
    assert_eq!(header.find("one"), Some(0));
    assert_eq!(header.column("two").unwrap(), 1);
    let error = header.column("three").err().unwrap().to_string();
    assert!(
        error.ends_with("the table has no column \"three\""),
        "{error}"
    );
    assert!(rows.advance().unwrap());
    assert_eq!(row(&rows), ["1", "2"]);
}

#[test]
fn rows_that_do_not_fit_are_told_and_passed_over() {
    let (_folder, mut rows) = rows("1,2\n3\n4,5,6\n\"7,8\n\"9\"x,1\n10,11\n");
    assert!(rows.advance().unwrap());
    for (line, says) in [
        (2, "as many fields as the first row has"),
        (3, "as many fields as the first row has"),
        (4, "a closing quote"),
        (5, "a comma"),
    ] {
        let error = rows.advance().unwrap_err();
        assert!(matches!(error, CaptureError::Frame { .. }));
        let text = error.to_string();
        assert!(
            text.contains(&format!(", line {line}: ")) && text.contains(says),
            "{text}"
        );
    }
    assert!(rows.advance().unwrap());
    assert_eq!(row(&rows), ["10", "11"]);
}

#[test]
fn a_row_handed_back_comes_again_and_a_later_error_comes_first() {
    let (_folder, mut rows) = rows("1\n2\n3\n");
    assert!(rows.advance().unwrap());
    assert!(rows.advance().unwrap());
    rows.hand_back();
    assert!(rows.advance().unwrap());
    assert_eq!(row(&rows), ["2"]);
    let error = rows.expected(0, "something else");
    rows.fail_later(error);
    let error = rows.advance().unwrap_err().to_string();
    assert!(
        error.ends_with("line 2: expected something else at byte 0"),
        "{error}"
    );
    assert!(rows.advance().unwrap());
    assert_eq!(row(&rows), ["3"]);
}
