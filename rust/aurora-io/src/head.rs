//! The first messages of a stream: what they fix before reading begins.

use aurora_core::event::MessageKind;
use aurora_core::instrument::{InstrumentId, Market};
use aurora_core::wire::{WireEvent, WireLevels};

use crate::calibration::{Calibration, CALIBRATION_MESSAGES, FINENESS_MESSAGES};
use crate::source;
use crate::streams::Chosen;
use crate::CaptureError;

/// Messages of a file of several symbols that are searched for symbols that come late.
const LATE_SYMBOL_MESSAGES: u64 = 50_000;

/// A bare snapshot's levels, kept until its instrument is known.
struct BareSnapshot {
    bids: Vec<u8>,
    asks: Vec<u8>,
}

/// What the first messages of a stream's files show.
#[derive(Default)]
pub struct Head {
    /// The instruments of the first file.
    pub calibrations: Vec<Calibration>,
    /// By file, by instrument: of streams that tell the same, the one that is read.
    pub chosen: Vec<Vec<Chosen>>,
    /// By file: what it holds, as bits (books, touches, trades).
    pub kinds: Vec<u8>,
    /// Receive times (not corrected) of the first line and of the last calibration message.
    pub first_ns: i64,
    pub calibrated_ns: i64,
    /// Nothing tells the market of the instruments; it is taken for what is usual.
    pub assumes_market: bool,
}

fn kind_bit(kind: MessageKind) -> u8 {
    match kind {
        MessageKind::Diff | MessageKind::Snapshot => 1,
        MessageKind::Ticker => 2,
        MessageKind::Trade => 4,
    }
}

impl Head {
    /// The first messages fix instruments and clock; the first messages of every further file are looked at for
    /// numbers that need more decimals, because tick sizes change between sessions.
    ///
    /// # Errors
    /// A file that cannot be opened or is no capture; a fault behind the first message is met again, with its place,
    /// when the stream is read.
    pub fn read(
        paths: &[String],
        skip_bad_lines: bool,
        market: Option<Market>,
    ) -> Result<Head, CaptureError> {
        let mut head = Head::default();
        let mut bare: Vec<BareSnapshot> = Vec::new();
        let mut seen = 0;
        let mut first_ns: Option<i64> = None;
        for (index, path) in paths.iter().enumerate() {
            let mut source = source::open_as(path, market)?;
            head.chosen
                .push(vec![Chosen::default(); head.calibrations.len()]);
            head.kinds.push(0);
            let (mut in_file, mut records) = (0, 0);
            let mut first_in_file = true;
            loop {
                let local_ns = match source.advance() {
                    Ok(Some(local_ns)) => local_ns,
                    Ok(None) => break,
                    Err(CaptureError::Frame { .. }) if skip_bad_lines => continue,
                    Err(error) if first_ns.is_none() => return Err(error),
                    Err(_) => break,
                };
                records += 1;
                let clock = seen < CALIBRATION_MESSAGES;
                let mut events = 0;
                let read = source.events(&mut |event: &WireEvent<'_>| {
                    events += 1;
                    head.kinds[index] |= kind_bit(event.kind);
                    let at = match (event.market, event.symbol) {
                        (Some(market), Some(symbol)) => {
                            match head.position(market, symbol) {
                                // Instruments are what the first file shows.
                                None if index > 0 => return Ok(()),
                                None => head.meet(market, symbol),
                                Some(at) => at,
                            }
                        }
                        _ => {
                            if let WireLevels::Arrays { bids, asks } = event.levels {
                                bare.push(BareSnapshot {
                                    bids: bids.0.to_vec(),
                                    asks: asks.0.to_vec(),
                                });
                            }
                            return Ok(());
                        }
                    };
                    head.chosen[index][at].see(event);
                    let calibration = &mut head.calibrations[at];
                    if clock || calibration.messages == 0 {
                        calibration.see(event, local_ns);
                    } else if index > 0 && in_file < CALIBRATION_MESSAGES {
                        calibration.see_numbers(event);
                    } else {
                        calibration.see_fineness(event);
                    }
                    Ok(())
                });
                match read {
                    Ok(_) => {}
                    Err(CaptureError::Frame { .. }) if skip_bad_lines => continue,
                    Err(error) if first_ns.is_none() => return Err(error),
                    Err(_) => break,
                }
                if first_in_file {
                    // Files may lie beside each other in time.
                    first_ns = Some(first_ns.map_or(local_ns, |first| first.min(local_ns)));
                    first_in_file = false;
                }
                if events == 0 {
                    continue;
                }
                if clock {
                    head.calibrated_ns = local_ns;
                }
                seen += events;
                in_file += events;
                let grows = |c: &Calibration| !c.id.market.prints_trailing_zeros();
                let enough = if index == 0 && head.calibrations.len() > 1 {
                    LATE_SYMBOL_MESSAGES
                } else if head.calibrations.iter().any(grows) {
                    FINENESS_MESSAGES
                } else {
                    CALIBRATION_MESSAGES
                };
                // Records without an event count too: of some formats they are most.
                let looked_at = records >= enough && in_file >= CALIBRATION_MESSAGES;
                if in_file >= enough || looked_at {
                    break;
                }
            }
            head.assumes_market |= source.assumes_market();
        }
        head.first_ns = first_ns.unwrap_or(0);
        if let [only] = head.calibrations.as_mut_slice() {
            for snapshot in &bare {
                only.see_numbers(&snapshot.event());
            }
        }
        if head.calibrations.is_empty() {
            return Err(CaptureError::Format {
                path: paths.first().cloned().unwrap_or_default(),
                what: "no market events in its first lines; is this a capture?".into(),
            });
        }
        Ok(head)
    }

    fn position(&self, market: Market, symbol: &[u8]) -> Option<usize> {
        self.calibrations
            .iter()
            .position(|c| c.id.symbol.as_bytes() == symbol && c.id.market == market)
    }

    fn meet(&mut self, market: Market, symbol: &[u8]) -> usize {
        self.calibrations.push(Calibration::new(InstrumentId {
            market,
            symbol: String::from_utf8_lossy(symbol).into_owned(),
        }));
        for chosen in &mut self.chosen {
            chosen.push(Chosen::default());
        }
        self.calibrations.len() - 1
    }
}

impl BareSnapshot {
    fn event(&self) -> WireEvent<'_> {
        WireEvent {
            kind: MessageKind::Snapshot,
            market: None,
            symbol: None,
            stream: b"snapshot",
            sent_ns: None,
            exchange_ns: None,
            first_id: 0,
            last_id: 0,
            previous_id: 0,
            flags: 0,
            levels: WireLevels::Arrays {
                bids: (&self.bids, 0),
                asks: (&self.asks, 0),
            },
        }
    }
}
