#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn decode(text: &str) -> Result<Vec<Level>, WireError> {
    let mut levels = Vec::new();
    let count = decode_levels(text.as_bytes(), 100, 2, 3, &mut levels)?;
    assert_eq!(count as usize, levels.len());
    Ok(levels)
}

const fn level(price: i64, size: i64) -> Level {
    Level { price, size }
}

#[test]
fn elements_behind_the_size_are_passed_over() {
    for text in [
        r#"[["1.5","2"],["0.25","0"]]"#,
        r#"[["1.5","2","0","13"],["0.25","0","0","0"]]"#,
        r#"[["1.5","2",0,13],["0.25","0",-1,1e5]]"#,
        r#"[["1.5","2",[]],["0.25","0",[]]]"#,
        r#"[ [ "1.5" , "2" , "0" , 7 ] , [ "0.25" , "0" ] ]"#,
        r#"[["1.5","2",""],["0.25","0"]]"#,
        "[[1.5,2],[0.25,0]]",
        "[[1.5,2.000,3],[0.250,0.0]]",
        r#"[["1.5",2e0],[2.5E-1,"0"]]"#,
        "[[15e-1,0.2e+1],[0.25,0E-10]]",
    ] {
        assert_eq!(
            decode(text),
            Ok(vec![level(150, 2_000), level(25, 0)]),
            "{text}"
        );
    }
    assert_eq!(decode("[]"), Ok(vec![]));
    assert_eq!(decode("[ ]"), Ok(vec![]));
}

#[test]
fn what_is_no_level_is_refused_where_it_stands() {
    for (text, byte) in [
        (r#"[["1.x","1"]]"#, 102),
        (r#"[["1.005","1"]]"#, 102),
        (r#"[["1"]]"#, 105),
        (r#"[["1.","1"]]"#, 102),
        (r#"[["1","2","3]]"#, 110),
        (r#"[["1","2",]]"#, 110),
        (r#"[["1","2",true]]"#, 110),
        (r#"[["1","2",[1]]]"#, 110),
        (r#"[["1","2",{}]]"#, 110),
        (r#"[["1","2","a\"b"]]"#, 110),
        (r#"[["1","2","3"}]"#, 113),
        (r#"[["1","2" 3]]"#, 110),
        ("[[-1,2]]", 102),
        ("[[1,-2]]", 104),
        ("[[1e5e5,2]]", 102),
        ("[[,2]]", 102),
        ("[[null,2]]", 102),
        ("[[1e99,2]]", 102),
        ("[[1e-9,2]]", 102),
        ("[1,2]", 101),
        ("[[1,2]", 106),
        ("[[1,2],", 107),
        ("[", 101),
        ("", 101),
    ] {
        let error = decode(text).unwrap_err();
        assert_eq!(error.byte, byte, "{text}: {error}");
    }
}

#[test]
fn numbers_of_more_than_eighteen_digits_are_too_large() {
    let fault = Err(WireFault::Decimal {
        field: "size",
        cause: DecimalError::TooLarge { exponent: 3 },
    });
    for quote in ["", "\""] {
        let read = |size: &str| {
            decode(&format!("[[1,{quote}{size}{quote}]]")).map_err(|error| error.fault)
        };
        for size in [
            "999999999999999",
            "999999999999999.999",
            "0000999999999999999.999000",
        ] {
            assert!(read(size).is_ok(), "{size}");
        }
        for size in [
            "1000000000000000",
            "1000000000000000.000",
            "9223372036854775.807",
            "9223372036854775807",
        ] {
            assert_eq!(read(size), fault, "{size}");
        }
    }
}

#[test]
fn texts_of_longer_levels_are_price_and_size() {
    let texts: Vec<_> = level_texts(br#"[["1.5","2","0","13"],[0.25,7,1]]"#).collect();
    assert_eq!(texts, [(&b"1.5"[..], &b"2"[..]), (b"0.25", b"7")]);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in r#"[\[\]",0-9eE.+\-\\ ]{0,60}"#) {
        let _ = decode(&text);
        let _ = level_texts(text.as_bytes()).count();
    }

    /// Quotes and what follows the size change nothing.
    #[test]
    fn bare_and_quoted_numbers_agree(
        rows in prop::collection::vec((0i64..1_000_000_000, 0i64..1_000_000_000, 0u8..4), 0..20),
    ) {
        let (mut bare, mut quoted) = (Vec::new(), Vec::new());
        for (price, size, kind) in &rows {
            let price = crate::units::format_quanta(*price, 2);
            let size = crate::units::format_quanta(*size, 3);
            let rest = [",\"0\",\"3\"", ",0,3", ",[]", ""][usize::from(*kind)];
            bare.push(format!("[{price},{size}{rest}]"));
            quoted.push(format!("[\"{price}\",\"{size}\"]"));
        }
        let expected: Vec<Level> = rows.iter().map(|(price, size, _)| level(*price, *size)).collect();
        prop_assert_eq!(decode(&format!("[{}]", bare.join(","))), Ok(expected.clone()));
        prop_assert_eq!(decode(&format!("[{}]", quoted.join(","))), Ok(expected));
    }

    #[test]
    fn fast_and_checked_decimals_agree(value in 0i64..1_000_000_000_000, printed in 0u8..9, exponent in 0u8..9) {
        let text = crate::units::format_quanta(value, printed);
        let array = format!("[[\"{text}\",\"1\"]]");
        let mut levels = Vec::new();
        let fast = decode_levels(array.as_bytes(), 0, exponent, 0, &mut levels).map(|_| levels[0].price);
        match parse_quanta(text.as_bytes(), exponent) {
            Ok(expected) if expected >= 1_000_000_000_000_000_000 => prop_assert_eq!(
                fast.unwrap_err().fault,
                WireFault::Decimal { field: "price", cause: DecimalError::TooLarge { exponent } }
            ),
            Ok(expected) => prop_assert_eq!(fast, Ok(expected)),
            Err(cause) => prop_assert_eq!(fast.unwrap_err().fault, WireFault::Decimal { field: "price", cause }),
        }
    }
}
