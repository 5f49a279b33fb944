//! Small files of every format that is read, as recorders and vendors write them.

use aurora_core::wire::Dialect;

use crate::sample_frames::EVENTS;

/// Files that are read together; the first is the one that is opened.
pub type Files = Vec<(String, Vec<u8>)>;

fn one(name: &str, content: impl Into<Vec<u8>>) -> Files {
    vec![(name.to_owned(), content.into())]
}

fn frames(dialect: Dialect) -> &'static [&'static str] {
    EVENTS
        .into_iter()
        .find(|(name, _)| *name == dialect.name())
        .map_or(&[], |(_, frames)| frames)
}

/// Raw captures: a stream of each dialect's frames, and one whose books fit together.
pub fn raw() -> Vec<Files> {
    let mut files: Vec<Files> = Dialect::ALL
        .into_iter()
        .map(|dialect| {
            let lines = (0..12u64).map(|n| {
                let frames = frames(dialect);
                let time = 1_723_161_256_298_000_000 + n * 7_000_000;
                format!("{time} {}\n", frames[n as usize % frames.len()])
            });
            one("capture.txt", lines.collect::<String>())
        })
        .collect();
    files.push(one("capture.txt", book_capture(40)));
    files
}

/// A capture of one symbol whose diffs follow its snapshot.
pub fn book_capture(count: u64) -> String {
    let mut lines = String::from("# a remark\n");
    for n in 0..count {
        let ms = 1_723_161_256_298 + n * 10;
        let (first, last, before) = (10 * n + 1, 10 * n + 10, 10 * n);
        let (bid, ask) = (61_600 + n % 5, 61_606 + n % 5);
        let frame = match n % 4 {
            1 if n == 1 => format!(
                r#"{{"lastUpdateId":{last},"E":{ms},"T":{ms},"bids":[["{bid}.10","1.500"],["{bid}.00","2.250"]],"asks":[["{ask}.10","1.000"]]}}"#
            ),
            2 => format!(
                r#"{{"stream":"btcusdt@bookTicker","data":{{"e":"bookTicker","u":{last},"s":"BTCUSDT","b":"{bid}.10","B":"1.500","a":"{ask}.10","A":"1.000","T":{ms},"E":{ms}}}}}"#
            ),
            3 => format!(
                r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{ms},"T":{ms},"s":"BTCUSDT","t":{n},"p":"{ask}.10","q":"0.002","X":"MARKET","m":false}}}}"#
            ),
            _ => format!(
                r#"{{"stream":"btcusdt@depth@0ms","data":{{"e":"depthUpdate","E":{ms},"T":{ms},"s":"BTCUSDT","U":{first},"u":{last},"pu":{before},"b":[["{bid}.10","0.000"],["{bid}.00","1.125"]],"a":[["{ask}.20","3.000"]]}}}}"#
            ),
        };
        lines.push_str(&format!("{ms}000123 {frame}\n"));
    }
    lines
}

/// Captures of cryptofeed, a JSON object a line, of one and of several connections.
pub fn cryptofeed() -> Vec<Files> {
    let answer =
        r#"{"lastUpdateId":10,"bids":[["0.00006547","100.0"]],"asks":[["0.00006560","1528.0"]]}"#;
    let of = |dialect: Dialect, address: &str, connections: u64| {
        let mut lines = String::from("{\"t\":\"header\",\"format\":2,\"exchange\":\"X\",\"config\":{\"trades\":[\"A-B\"]}}\n");
        for n in 0..connections {
            lines.push_str(&format!(
                "{{\"t\":\"open\",\"conn\":\"c{n}\",\"ts\":1633998511.1,\"addr\":\"{address}\"}}\n"
            ));
        }
        lines.push_str(&format!(
            "{{\"t\":\"http\",\"conn\":\"c0\",\"ts\":1633998511.132921,\"url\":\"https://api.binance.com/api/v3/depth?symbol=BLZETH&limit=5\",\"data\":{}}}\n",
            quoted(answer)
        ));
        for (n, frame) in (0u64..).zip(frames(dialect).iter().cycle().take(10)) {
            let connection = n % connections;
            lines.push_str(&format!(
                "{{\"t\":\"recv\",\"conn\":\"c{connection}\",\"ts\":163399851{}.0633569,\"data\":{}}}\n",
                2 + n % 7,
                quoted(frame)
            ));
        }
        one("capture.jsonl", lines)
    };
    vec![
        of(Dialect::Binance, "wss://stream.binance.com:9443/stream", 1),
        of(Dialect::Bybit, "wss://stream.bybit.com/v5/public/linear", 2),
        of(Dialect::Okx, "wss://ws.okx.com:8443/ws/v5/public", 3),
        of(Dialect::KrakenFutures, "wss://futures.kraken.com/ws/v1", 2),
        of(Dialect::Hyperliquid, "wss://api.hyperliquid.xyz/ws", 5),
    ]
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The older captures of cryptofeed.
pub fn cryptofeed_text() -> Vec<Files> {
    let of = |dialect: Dialect, address: &str| {
        let mut text =
            format!("configuration: {{\"trades\":[\"A-B\"]}}\n{address} <-> 1617647797.1\n");
        text.push_str("https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT&limit=1000 -> 1617647797.9072561: {\"lastUpdateId\":20,\"E\":1,\"T\":1,\"bids\":[[\"58710.20\",\"1.0\"]],\"asks\":[]}\n");
        text.push_str("https://fapi.binance.com/fapi/v1/exchangeInfo -> 1617647797.95: {}\n");
        for (n, frame) in (0..).zip(frames(dialect).iter().cycle().take(9)) {
            text.push_str(&format!("161764779{}.5963788: {frame}\n", 8 + n / 5));
        }
        one("capture.0", text)
    };
    vec![
        of(
            Dialect::Binance,
            "wss://fstream.binance.com/stream?streams=btcusdt@aggTrade",
        ),
        of(Dialect::Bybit, "wss://stream.bybit.com/v5/public/linear"),
        of(Dialect::Okx, "wss://ws.okx.com:8443/ws/v5/public"),
    ]
}

/// The four tables of Tardis.
pub fn tardis() -> Vec<Files> {
    let incremental = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n\
        deribit,BTC-PERPETUAL,1585699200245000,1585699200355684,true,ask,6421.5,18640\n\
        deribit,BTC-PERPETUAL,1585699200245000,1585699200355684,true,bid,6421,1190\n\
        deribit,BTC-PERPETUAL,1585699200246000,1585699200356684,true,bid,6420.5,10\n\
        deribit,BTC-PERPETUAL,1585699200250000,1585699200360684,false,ask,6421.5,0\n\
        deribit,ETH-PERPETUAL,1585699200250000,1585699200360684,true,ask,131.25,7\n\
        deribit,ETH-PERPETUAL,1585699200251000,1585699200361684,false,bid,131.2,1e-05\n\
        deribit,BTC-PERPETUAL,1585699200252000,1585699200362684,true,ask,6422,5\n";
    let snapshots = "exchange,symbol,timestamp,local_timestamp,asks[0].price,asks[0].amount,bids[0].price,bids[0].amount,asks[1].price,asks[1].amount,bids[1].price,bids[1].amount\n\
        binance-futures,BTCUSDT,1598918403696000,1598918403810979,11657.08,1.714,11657.07,10.896,11657.54,5.4,11656.97,0.2\n\
        binance-futures,BTCUSDT,1598918403815000,1598918403819763,11657.08,1.714,11657.07,10.896,,,11656.97,0.2\n\
        binance-futures,BTCUSDT,1598918403888000,1598918403894256,11657.08,1.476,11657.07,10.896,11657.56,0.2,11655.78,0.2\n";
    let trades = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n\
        bitmex,XBTUSD,1583020803145000,1583020803307160,ccc3c1fa-212c,sell,8531.5,2152\n\
        bitmex,XBTUSD,1583020803276000,1583020803336743,b46c84da-6942,buy,8531.5,1\n\
        bitmex,XBTUSD,1583020803276000,1583020803336743,,unknown,8531.5,1\n";
    let quotes = "\"exchange\",\"symbol\",\"timestamp\",\"local_timestamp\",\"ask_amount\",\"ask_price\",\"bid_price\",\"bid_amount\"\n\
        huobi,BTC210402,1617235200000000,1617235200001000,22,58811.12,58811.11,3\n\
        huobi,BTC210402,1617235200100000,1617235200101000,,,58811.11,3\n\
        huobi,BTC210402,1617235200200000,1617235200201000,21,58811.12,58811.10,4\n";
    [incremental, snapshots, trades, quotes]
        .into_iter()
        .map(|text| one("table.csv", text))
        .collect()
}

/// Order-book tables of Binance's historical data.
pub fn binance_csv() -> Vec<Files> {
    let header = "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu\n";
    let rows = "BTCUSDT,1667346579146,2098021528332,2098021528332,b,snap,20377.00,1.770,-1\n\
        BTCUSDT,1667346579146,2098021528332,2098021528332,a,snap,20377.10,0.001,-1\n\
        BTCUSDT,1667346579939,2098021528333,2098041696700,a,set,20377.10,0.000,2098021528332\n\
        BTCUSDT,1667346579939,2098021528333,2098041696700,b,set,20377.00,2.5,2098021528332\n\
        BTCUSDT,1667346580039,2098041696701,2098041696710,b,set,20376.90,1e-3,2098041696700\n";
    vec![
        one("depth.csv", format!("{header}{rows}")),
        one(
            "depth.csv",
            format!("{header}{}", rows.replace("BTCUSDT", "BTCUSD_PERP")),
        ),
    ]
}

/// LOBSTER events with and without their books.
pub fn lobster() -> Vec<Files> {
    let events = "34200.004241176,1,16113575,18,5853300,1\n\
        34200.00426064,1,16113584,18,5853200,-1\n\
        34200.025551909,4,16113575,8,5853300,1\n\
        34200.025579546,2,16113584,10,5853200,-1\n\
        34200.1,5,0,100,5853250,1\n\
        34200.2,6,-1,100,5853250,-1\n\
        34200.3,7,0,0,-1,-1\n\
        34200.4,3,16113575,10,5853300,1\n";
    let books = "5859400,200,5853300,18,5859800,200,5853000,150\n".repeat(7)
        + "5859400,200,5853000,150,9999999999,0,-9999999999,0\n";
    let events_name = "AAPL_2012-06-21_34200000_57600000_message_2.csv";
    let mut together = one(events_name, events);
    together.extend(one(
        "AAPL_2012-06-21_34200000_57600000_orderbook_2.csv",
        books,
    ));
    vec![one(events_name, events), together]
}

/// Logs of Bitstamp.
pub fn bitstamp() -> Vec<Files> {
    let text = r#"1430438404518 order_created {"price": "236.47", "amount": "2.0", "datetime": "1430438404", "id": 65595247, "order_type": 0}
1430438404600 order_book {"bids": [["236.50", "1.0"], ["236.40", "2.00000000"]], "asks": [["236.61", "0.5"]]}
1430438404645 trade {"price": 236.61000000000001, "amount": 0.21144331, "id": 8111041}
1430438404700 trade {"price": "236.6", "amount": 9.9999999999999995e-07, "id": 8111042, "type": 1, "microtimestamp": "1430438404699000"}
1430438404800 order_book {"microtimestamp": "1430438404799000", "bids": [["236.50", "1.5"]], "asks": [["236.61", "0.5"], ["236.7", "1"]]}
1430438404900 order_deleted {"price": "236.47", "amount": "0.00000000", "id": 65595187, "order_type": 1}
"#;
    vec![one("2015-05-01.log", text), one("ETHEUR.log", text)]
}
