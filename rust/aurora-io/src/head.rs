//! The first messages of a stream: what they fix before reading begins.

use aurora_core::event::MessageKind;
use aurora_core::instrument::{InstrumentId, Market};
use aurora_core::wire::{WireError, WireEvent, WireFault};

use crate::calibration::{Calibration, CALIBRATION_MESSAGES, FINENESS_MESSAGES};
use crate::source;
use crate::streams::Chosen;
use crate::CaptureError;

/// Messages of a file of several symbols that are searched for symbols that come late.
const LATE_SYMBOL_MESSAGES: u64 = 50_000;

/// Most symbols of a stream, and longest name of one.
const MOST_INSTRUMENTS: usize = 4096;
pub const LONGEST_NAME: usize = 128;

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
        // What bare snapshots show, until their instrument is known.
        let mut bare = Calibration::new(InstrumentId {
            market: Market::BinanceUsdm,
            symbol: String::new(),
        });
        let mut fault = None;
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
                    Err(error) => {
                        fault = fault.or(Some(error));
                        break;
                    }
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
                                None => head.meet(market, symbol)?,
                                Some(at) => at,
                            }
                        }
                        _ => {
                            bare.see_numbers(event);
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
                    Err(error) => {
                        fault = fault.or(Some(error));
                        break;
                    }
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
            only.see_numbers_of(&bare);
        }
        if head.calibrations.is_empty() {
            // What cannot be read ahead of the first event has hidden it.
            return Err(fault.unwrap_or_else(|| CaptureError::Format {
                path: paths.first().cloned().unwrap_or_default(),
                what: "no market events in its first lines; is this a capture?".into(),
            }));
        }
        Ok(head)
    }

    fn position(&self, market: Market, symbol: &[u8]) -> Option<usize> {
        self.calibrations
            .iter()
            .position(|c| c.id.symbol.as_bytes() == symbol && c.id.market == market)
    }

    /// # Errors
    /// A name that is no symbol's, or more symbols than a capture has.
    fn meet(&mut self, market: Market, symbol: &[u8]) -> Result<usize, WireError> {
        let refused = |expected| WireError {
            byte: 0,
            fault: WireFault::Expected { expected },
        };
        if symbol.len() > LONGEST_NAME {
            return Err(refused("a symbol of at most 128 bytes"));
        }
        if self.calibrations.len() == MOST_INSTRUMENTS {
            return Err(refused("no more than 4096 symbols in one file"));
        }
        self.calibrations.push(Calibration::new(InstrumentId {
            market,
            symbol: String::from_utf8_lossy(symbol).into_owned(),
        }));
        for chosen in &mut self.chosen {
            chosen.push(Chosen::default());
        }
        Ok(self.calibrations.len() - 1)
    }
}
