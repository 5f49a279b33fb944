#![allow(clippy::unwrap_used)]

use crate::source::open;
use crate::source::test_support::{read, Folder, Read};

const HEADER: &str =
    "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu\n";

fn read_text(content: &str) -> Read {
    let folder = Folder::new();
    read(&mut *open(&folder.write("btcusdt-depth.csv", content)).unwrap())
}

#[test]
fn rows_of_one_update_are_one_message() {
    let found = read_text(&format!(
        "{HEADER}\
         BTCUSDT,1667346579146,20,20,b,snap,20377.00,1.770,-1\n\
         BTCUSDT,1667346579146,20,20,a,snap,20378.10,0.001,-1\n\
         BTCUSDT,1667346579146,19,25,a,set,20378.10,0.000,18\n\
         BTCUSDT,1667346579146,19,25,b,set,20370.00,2.5,18\n\
         BTCUSDT,1667346579200,26,27,b,set,20371.00,1,25\n\
         BTCUSD_PERP,1667346579200,26,27,b,set,20371.0,1,25\n"
    ));
    assert_eq!(found.faults, [""; 0]);
    let texts: Vec<String> = found
        .events
        .iter()
        .map(|e| {
            format!(
                "{} {:?} {:?} [{}] [{}]",
                e.key, e.kind, e.ids, e.bids, e.asks
            )
        })
        .collect();
    assert_eq!(
        texts,
        [
            "binance_usdm:BTCUSDT Snapshot (20, 20, 0) [20377.00x1.770] [20378.10x0.001]",
            "binance_usdm:BTCUSDT Diff (19, 25, 18) [20370.00x2.5] [20378.10x0.000]",
            "binance_usdm:BTCUSDT Diff (26, 27, 25) [20371.00x1] []",
            "binance_coinm:BTCUSD_PERP Diff (26, 27, 25) [20371.0x1] []",
        ]
    );
    assert_eq!(found.events[2].local_ns, 1_667_346_579_200_000_000);
    assert_eq!(found.events[2].exchange_ns, Some(1_667_346_579_200_000_000));
    assert_eq!(found.events[2].line, 6);
}

#[test]
fn damage_is_told_with_its_line_and_costs_one_message() {
    let row = |id: u64, rest: &str| format!("BTCUSDT,1667346579146,{id},{id},{rest},{}\n", id - 1);
    for (bad, says, messages) in [
        (row(2, "b,set,x,1"), "field \"price\"", 2),
        (row(2, "b,set,1,-1"), "field \"size\"", 2),
        (row(2, "c,set,1,1"), "b or a", 2),
        (row(2, "b,change,1,1"), "snap or set", 4),
        (
            row(2, "b,set,1,1").replace(",2,2,", ",2,x,"),
            "an update id",
            4,
        ),
        (
            row(2, "b,set,1,1").replace("1667346579146", "now"),
            "a time in ms",
            4,
        ),
        (row(2, "b,set,1,1").replace("BTCUSDT", ""), "a symbol", 4),
        (row(2, "b,set,1"), "as many fields", 4),
    ] {
        let content = [
            HEADER,
            &row(1, "b,set,1,1"),
            &row(2, "b,set,1,1"),
            &bad,
            &row(2, "a,set,2,1"),
            &row(3, "b,set,3,1"),
        ];
        let found = read_text(&content.concat());
        assert_eq!(found.faults.len(), 1, "{bad}");
        let fault = &found.faults[0];
        assert!(
            fault.contains(says) && fault.contains(", line 4: "),
            "{fault}"
        );
        assert_eq!(found.events.len(), messages, "{bad}");
        assert_eq!(found.events.last().unwrap().bids, "3x1");
    }
}

#[test]
fn a_table_without_previous_ids_is_refused() {
    let folder = Folder::new();
    let path = folder.write("a.csv", HEADER.replace(",pu", ""));
    let error = open(&path).err().unwrap().to_string();
    assert!(error.contains("no column \"pu\""), "{error}");
}
