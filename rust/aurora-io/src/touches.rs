//! Best prices and trades of a whole capture by exchange time: what two sources of one market are compared by.

use aurora_core::book::Book;
use aurora_core::event::{Level, MessageKind, FLAG_NO_MARKET_TRADE};
use aurora_core::instrument::Instrument;

use crate::inspect::own_offset_ns;
use crate::{CaptureError, CaptureStream, InspectOptions, Overrides};

/// Messages decoded at once.
const STEP: u64 = 20_000;

/// Columns of one instrument; prices and sizes in quanta. Held in memory whole: about 24 bytes for each change of the
/// best prices and 32 for each trade.
#[derive(Debug, Clone)]
pub struct SymbolTouches {
    pub instrument: Instrument,
    /// Receive clock minus exchange clock, ns, that the exchange times of messages without one were estimated with.
    pub clock_offset_ns: i64,
    /// Exchange time of the newest message known at each change of the best prices: it never falls.
    pub touch_ns: Vec<i64>,
    /// Zeros where there is no usable touch.
    pub bid: Vec<i64>,
    pub ask: Vec<i64>,
    pub trade_ns: Vec<i64>,
    /// Ids the venue gave the trades; 0 where it gave none.
    pub trade_id: Vec<u64>,
    pub trade_price: Vec<i64>,
    pub trade_size: Vec<i64>,
}

impl SymbolTouches {
    fn new(instrument: Instrument, clock_offset_ns: i64) -> SymbolTouches {
        SymbolTouches {
            instrument,
            clock_offset_ns,
            touch_ns: Vec::new(),
            bid: Vec::new(),
            ask: Vec::new(),
            trade_ns: Vec::new(),
            trade_id: Vec::new(),
            trade_price: Vec::new(),
            trade_size: Vec::new(),
        }
    }

    fn take_trade(&mut self, exchange_ns: i64, id: u64, level: &Level) {
        self.trade_ns.push(exchange_ns);
        self.trade_id.push(id);
        self.trade_price.push(level.price);
        self.trade_size.push(level.size);
    }

    fn take_touch(&mut self, exchange_ns: i64, bid: i64, ask: i64) {
        let before = (
            self.bid.last().copied().unwrap_or(0),
            self.ask.last().copied().unwrap_or(0),
        );
        if before != (bid, ask) {
            self.touch_ns.push(exchange_ns);
            self.bid.push(bid);
            self.ask.push(ask);
        }
    }
}

/// Reads a stream to its end or its fault; trades that the exchange flagged as no market trades are left out.
///
/// # Errors
/// A file that cannot be opened. A fault inside is answered beside what was read before it.
pub fn read_touches(
    paths: &[String],
    options: InspectOptions,
) -> Result<(Vec<SymbolTouches>, Option<CaptureError>), CaptureError> {
    let mut stream = CaptureStream::open(paths, options.read)?;
    let offset_ns = own_offset_ns(&stream);
    stream
        .start(offset_ns, &[Overrides::default()])
        .map_err(|what| CaptureError::Format {
            path: paths.first().cloned().unwrap_or_default(),
            what,
        })?;
    let mut symbols: Vec<(Book, i64, SymbolTouches)> = stream
        .instruments()
        .iter()
        .map(|instrument| {
            let (market, tick) = (instrument.id.market, instrument.tick);
            let book = if options.unsynchronised {
                Book::unsynchronised(market, tick)
            } else {
                Book::new(market, tick)
            };
            let touches = SymbolTouches::new(instrument.clone(), offset_ns);
            (book, i64::MIN, touches)
        })
        .collect();
    let fault = loop {
        let slice = stream.next_slice(i64::MAX, STEP);
        for (block, (book, newest_ns, touches)) in slice.blocks.iter().zip(&mut symbols) {
            for message in &block.messages {
                if message.kind == MessageKind::Trade {
                    if let Some(level) = block.bids(message).first() {
                        if !message.has(FLAG_NO_MARKET_TRADE) {
                            touches.take_trade(message.exchange_ns, message.last_id(), level);
                        }
                    }
                    continue;
                }
                book.apply(block, message);
                *newest_ns = (*newest_ns).max(message.exchange_ns);
                let touch = book.touch().filter(|t| t.bid.price < t.ask.price);
                let (bid, ask) = touch.map_or((0, 0), |t| (t.bid.price, t.ask.price));
                touches.take_touch(*newest_ns, bid, ask);
            }
        }
        if slice.last {
            break slice.fault;
        }
    };
    Ok((
        symbols.into_iter().map(|(_, _, touches)| touches).collect(),
        fault,
    ))
}
