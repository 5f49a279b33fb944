//! Frames of every dialect, for tests and for the fuzz driver: most as the venues sent them, with fewer levels.

/// Frames by the name of their dialect: those that carry events.
pub const EVENTS: [(&str, &[&str]); 5] = [
    (
        "binance",
        &[
            r#"{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT","U":10,"u":20,"pu":9,"b":[["58710.20","0.014"],["61496.50","0.000"]],"a":[]}}"#,
            r#"{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5123135475514,"s":"BTCUSDT","b":"61659.70","B":"1.486","a":"61659.80","A":"0.981","T":1723161256298,"E":1723161256299}}"#,
            r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256299,"T":1723161256298,"s":"BTCUSDT","t":5266583935,"p":"61680.90","q":"0.002","X":"MARKET","m":true}}"#,
            r#"{"lastUpdateId":5123107852948,"E":1723161256299,"T":1723161256298,"bids":[["61659.70","1.486"],["61659.00","0.002"]],"asks":[["61659.80","0.981"]]}"#,
            r#"{"e":"depthUpdate","E":1626953700123,"s":"BLZETH","U":1,"u":2,"b":[["0.00006547","100.00000000",[]]],"a":[["0.00006560","1528.00000000",[]]]}"#,
        ],
    ),
    (
        "bybit",
        &[
            r#"{"topic":"orderbook.200.BTCUSDT","type":"snapshot","ts":1786310818129,"data":{"s":"BTCUSDT","b":[["65114.20","6.054"],["65114.10","0.002"]],"a":[["65114.30","10.486"],["65115.20","0.002"]],"u":15076952,"seq":753843911359},"cts":1786310818027}"#,
            r#"{"topic":"orderbook.200.BTCUSDT","ts":1786310816618,"type":"delta","data":{"s":"BTCUSDT","b":[["65140.4","0.875077"]],"a":[["65154.6","0.09948"],["65239.1","0"]],"u":62505425,"seq":112488545865},"cts":1786310816585}"#,
            r#"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1786310819681,"data":[{"T":1786310819680,"s":"BTCUSDT","S":"Sell","v":"0.004","p":"65114.20","L":"MinusTick","i":"a9188a0a-82bc-50de-be60-03eedbe3cdd7","BT":false,"RPI":false,"seq":753843954913},{"T":1786310819681,"s":"BTCUSDT","S":"Buy","v":"0.010","p":"65114.30","L":"PlusTick","i":"b9188a0a-82bc-50de-be60-03eedbe3cdd7","BT":true,"seq":753843954914}]}"#,
            r#"{"topic":"publicTrade.ETHUSDT","ts":1786310821917,"type":"snapshot","data":[{"i":"2280000001739247417","T":1786310821917,"p":"1923.28","v":"0.04537","S":"Sell","seq":178477362706,"s":"ETHUSDT","BT":false,"RPI":false}]}"#,
        ],
    ),
    (
        "okx",
        &[
            OKX_SNAPSHOT,
            OKX_UPDATES[0],
            OKX_UPDATES[1],
            r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"asks":[["8476.98","415","0","13"]],"bids":[["8476.97","256","0","12"]],"ts":"1597026383085","checksum":0,"prevSeqId":-1,"seqId":123456}]}"#,
            r#"{"arg":{"channel":"books-l2-tbt","instId":"BTC-USDT"},"action":"update","data":[{"asks":[],"bids":[["8476.97","12","0","1"]],"ts":"1597026383185","checksum":0,"prevSeqId":123456,"seqId":123457}]}"#,
            r#"{"arg":{"channel":"books5","instId":"BTC-USDT"},"data":[{"asks":[["8476.98","415","0","13"]],"bids":[["8476.97","256","0","12"]],"instId":"BTC-USDT","ts":"1597026383085","seqId":123460}]}"#,
            r#"{"arg":{"channel":"trades","instId":"BTC-USD-220527"},"data":[{"instId":"BTC-USD-220527","tradeId":"7849","px":"30218.8","sz":"1","side":"sell","ts":"1652459199958"}]}"#,
        ],
    ),
    (
        "kraken_futures",
        &[
            r#"{"feed":"book_snapshot","product_id":"PI_XBTUSD","timestamp":1612269825817,"seq":326072249,"tickSize":null,"bids":[{"price":34892.5,"qty":6385},{"price":34892,"qty":1E5}],"asks":[{"price":34911.5,"qty":20598},{"price":34912,"qty":2300}]}"#,
            r#"{"feed":"book","product_id":"PI_XBTUSD","side":"sell","seq":326094134,"price":34981,"qty":0,"timestamp":1612269953629}"#,
            r#"{"feed":"book","product_id":"PF_SHIBUSD","side":"buy","seq":12,"price":9.875E-6,"qty":1.0E7,"timestamp":1612269953629}"#,
            r#"{"feed":"trade","product_id":"PI_XBTUSD","uid":"05af78ac-a774-478c-a50c-8b9c234e071e","side":"sell","type":"fill","seq":653355,"time":1612266317519,"qty":15000,"price":34969.5}"#,
        ],
    ),
    (
        "hyperliquid",
        &[
            r#"{"channel":"l2Book","data":{"coin":"BTC","levels":[[{"n":5,"px":"105055.0","sz":"3.03622"},{"n":1,"px":"105054.0","sz":"0.1428"}],[{"n":13,"px":"105056.0","sz":"6.34472"}]],"time":1737918843542}}"#,
            r#"{"channel":"trades","data":[{"coin":"BTC","hash":"0x84f7","px":"105056.0","side":"B","sz":"0.01853","tid":754186699313231,"time":1737918853204,"users":["0x592c","0x6802"]},{"coin":"BTC","hash":"0x0","px":"105055.0","side":"A","sz":"0.00428","tid":829200166267662,"time":1737918853300,"users":[]}]}"#,
        ],
    ),
];

/// Frames by the name of their dialect: replies, heartbeats and streams that are not read.
pub const CONTROL: [(&str, &[&str]); 5] = [
    (
        "binance",
        &[
            r#"{"result":null,"id":3}"#,
            r#"{"error":{"code":2,"msg":"Invalid request"},"id":1}"#,
            r#"{"method":"SUBSCRIBE","params":["btcusdt@depth"],"id":1}"#,
            r#"{"stream":"btcusdt@kline_1m","data":{"e":"kline","s":"BTCUSDT","k":{"t":[1,2,{"a":"}"}]}}}"#,
        ],
    ),
    (
        "bybit",
        &[
            r#"{"success":true,"ret_msg":"","conn_id":"d8bu1olkndm7crnfs1e0-j6akw","req_id":"","op":"subscribe"}"#,
            r#"{"success":true,"ret_msg":"pong","conn_id":"465772b1","op":"ping"}"#,
            r#"{"op":"subscribe","args":["orderbook.200.BTCUSDT"]}"#,
            r#"{"topic":"tickers.BTCUSDT","type":"delta","data":{"symbol":"BTCUSDT","bid1Price":"65114.20","bid1Size":"6.054","ask1Price":"65114.30","ask1Size":"10.486"},"cs":753843907770,"ts":1786310817883}"#,
            r#"{"topic":"kline.1.BTCUSDT","data":[{"start":1786310760000,"open":"65119.9","confirm":false}],"ts":1786310818440,"type":"snapshot"}"#,
            r#"{"topic":"allLiquidation.BTCUSDT","type":"snapshot","ts":1739502303204,"data":[{"T":1739502302929,"s":"BTCUSDT","S":"Sell","v":"20000","p":"0.04499"}]}"#,
            r#"{"topic":"orderbook.rpi.BTCUSDT","ts":1752472188075,"type":"delta","data":{"s":"BTCUSDT","b":[["121975.1","0","0.114259"]],"a":[],"u":4876701,"seq":44645074396},"cts":1752472188068}"#,
        ],
    ),
    (
        "okx",
        &[
            r#"{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a4d3ae55"}"#,
            r#"{"event":"error","code":"60012","msg":"Invalid request","connId":"a4d3ae55"}"#,
            r#"{"event":"channel-conn-count","channel":"books","connCount":"2","connId":"abcd1234"}"#,
            r#"{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}"#,
            r#"{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT"},"data":[{"asks":[["1","2","0","1"]],"bids":[["0.9","2","0","1"]],"ts":"1597026383085","seqId":3}]}"#,
            r#"{"arg":{"channel":"tickers","instId":"BTC-USD-220527"},"data":[{"instType":"FUTURES","last":"30218.8","ts":"1652459223003"}]}"#,
            "pong",
        ],
    ),
    (
        "kraken_futures",
        &[
            r#"{"event":"info","version":1}"#,
            r#"{"event":"subscribed","feed":"book","product_ids":["PI_XBTUSD"]}"#,
            r#"{"event":"alert","message":"Already subscribed to feed, re-requesting"}"#,
            r#"{"event":"error","message":"Invalid product id"}"#,
            r#"{"event":"subscribe","feed":"trade","product_ids":["PI_XBTUSD"]}"#,
            r#"{"feed":"heartbeat","time":1534262350627}"#,
            r#"{"feed":"trade_snapshot","product_id":"PI_XBTUSD","trades":[{"feed":"trade","product_id":"PI_XBTUSD","uid":"caa9c653","side":"sell","type":"fill","seq":653339,"time":1612266317519,"qty":15000,"price":34969.5}]}"#,
            r#"{"feed":"ticker","product_id":"PI_XBTUSD","time":1612270825253,"bid":34832.5,"ask":34847.5,"bid_size":42864,"ask_size":2300}"#,
        ],
    ),
    (
        "hyperliquid",
        &[
            r#"{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"trades","coin":"SOL"}}}"#,
            r#"{"channel":"pong"}"#,
            r#"{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC"}}"#,
            r#"{"channel":"bbo","data":{"coin":"BTC","time":1708622398623,"bbo":[{"px":"19900","sz":"1","n":1},null]}}"#,
            r#"{"channel":"webData2","data":{"levels":{},"time":"x"}}"#,
            "Websocket connection established.",
        ],
    ),
];

/// The best levels of a snapshot that OKX sent on 2022-05-13, with the venue's own checksum.
pub const OKX_SNAPSHOT: &str = r#"{"arg":{"channel":"books","instId":"UNI-USD-SWAP"},"action":"snapshot","data":[{"asks":[["5.148","60","0","1"],["5.149","192","0","1"],["5.151","48","0","1"],["5.152","25","0","2"],["5.153","491","0","3"],["5.154","1988","0","2"],["5.155","156","0","3"],["5.156","73","0","2"],["5.157","5","0","2"],["5.158","164","0","3"],["5.159","288","0","2"],["5.16","122","0","1"],["5.161","109","0","2"],["5.162","16","0","1"],["5.163","2613","0","1"],["5.166","11851","0","1"],["5.169","500","0","1"],["5.17","64","0","1"],["5.175","163","0","1"],["5.178","419","0","6"],["5.182","614","0","1"],["5.183","160","0","1"],["5.187","396","0","1"],["5.189","3686","0","1"],["5.19","3058","0","2"],["5.196","160","0","1"],["5.204","990","0","1"],["5.211","240","0","1"]],"bids":[["5.14","251","0","2"],["5.139","25","0","1"],["5.138","202","0","4"],["5.136","231","0","1"],["5.135","5","0","1"],["5.134","63","0","1"],["5.133","338","0","3"],["5.132","439","0","3"],["5.131","397","0","5"],["5.13","1729","0","1"],["5.128","738","0","3"],["5.126","16","0","1"],["5.124","12745","0","4"],["5.123","57","0","1"],["5.122","1785","0","2"],["5.121","412","0","3"],["5.12","115","0","2"],["5.119","1069","0","4"],["5.117","35","0","1"],["5.114","45","0","1"],["5.113","3485","0","1"],["5.106","75","0","2"],["5.105","3391","0","1"],["5.103","53","0","1"],["5.102","160","0","1"],["5.101","55","0","1"],["5.1","137","0","2"],["5.098","3498","0","1"]],"ts":"1652459225363","checksum":555605283}]}"#;

/// The two updates that followed it.
pub const OKX_UPDATES: [&str; 2] = [
    r#"{"arg":{"channel":"books","instId":"UNI-USD-SWAP"},"action":"update","data":[{"asks":[["5.158","129","0","2"],["5.233","240","0","1"]],"bids":[["5.14","427","0","4"],["5.138","26","0","2"],["5.117","0","0","0"]],"ts":"1652459225464","checksum":1361161687}]}"#,
    r#"{"arg":{"channel":"books","instId":"UNI-USD-SWAP"},"action":"update","data":[{"asks":[["5.153","228","0","2"],["5.155","644","0","4"],["5.157","88","0","2"],["5.16","157","0","2"]],"bids":[["5.14","350","0","3"],["5.137","146","0","1"],["5.131","406","0","5"],["5.12","150","0","3"]],"ts":"1652459225576","checksum":-1199621822}]}"#,
];
