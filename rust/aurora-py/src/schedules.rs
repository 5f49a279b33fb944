//! Entries that are worked over time, and the choice among venues.

use aurora_core::execution::{
    self, ChoiceRules, EntrySituation, Pace, VenueQuality, CURVE_SLOTS, MAX_SLICE_WEIGHTS,
};
use aurora_core::units::Money;
use pyo3::prelude::*;

use crate::errors::{error, Kind};
use crate::market::Instrument;

/// How the entry of one trade is worked over time.
#[pyclass(module = "aurora._core", frozen)]
pub struct Schedule {
    pub(crate) inner: execution::Schedule,
}

#[pymethods]
impl Schedule {
    /// `pace` is "twap", "vwap", "pov" or "iceberg"; orders and `display` are in lots, the rate in 1e-4 of the volume.
    /// "vwap" takes its weights from `curve`, 288 mean volumes of the UTC day, for slices from `start_ns` on; without a
    /// curve they are equal.
    #[new]
    #[pyo3(signature = (pace, *, slices, over_ns, child_min, child_max, rate_e4=0, display=0, start_ns=0,
        curve=None))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        pace: &str,
        slices: u32,
        over_ns: i64,
        child_min: i64,
        child_max: i64,
        rate_e4: i64,
        display: i64,
        start_ns: i64,
        curve: Option<Vec<u64>>,
    ) -> PyResult<Schedule> {
        let wrong = |what: String| error(py, Kind::Config, what);
        let pace = match pace {
            "twap" => Pace::TimeWeighted,
            "vwap" => Pace::VolumeWeighted {
                weights: match curve {
                    None => [1; MAX_SLICE_WEIGHTS],
                    Some(curve) => {
                        let curve: [u64; CURVE_SLOTS] =
                            curve.try_into().map_err(|got: Vec<_>| {
                                wrong(format!("a volume curve of {} slots, not 288", got.len()))
                            })?;
                        execution::slice_weights(start_ns, over_ns, slices, &curve)
                    }
                },
            },
            "pov" => Pace::Participation { rate_e4 },
            "iceberg" => Pace::Iceberg { display },
            other => return Err(wrong(format!("unknown pace {other:?}"))),
        };
        let inner = execution::Schedule {
            pace,
            slices,
            over_ns,
            child_min,
            child_max,
        };
        inner.validate(0).map_err(|e| wrong(e.to_string()))?;
        Ok(Schedule { inner })
    }
}

/// The schedule that suits an entry: "none", "twap", "vwap", "pov" or "iceberg". Shares in 1e-4, size and average volume
/// in size quanta, the notional limit in money quanta; the notional is that of the size at the ask.
#[pyfunction]
#[pyo3(signature = (instrument, *, persistence_e4, size, average_volume, bid, ask, has_curve, min_persistence_e4=7_000,
    volume_share_e4=1_000, notional=5_000_000_000_000, spread_e4=5))]
#[allow(clippy::too_many_arguments)]
pub fn choose_schedule(
    instrument: &Instrument,
    persistence_e4: i64,
    size: i64,
    average_volume: Option<i64>,
    bid: i64,
    ask: i64,
    has_curve: bool,
    min_persistence_e4: i64,
    volume_share_e4: i64,
    notional: i128,
    spread_e4: i64,
) -> &'static str {
    let situation = EntrySituation {
        persistence_e4,
        size,
        notional: instrument.inner.notional(ask, size),
        average_volume,
        bid,
        ask,
        has_curve,
    };
    let rules = ChoiceRules {
        persistence_e4: min_persistence_e4,
        volume_share_e4,
        notional: Money(notional),
        spread_e4,
    };
    execution::choose_schedule(&situation, &rules).name()
}

/// Spread, queue, latency, reliability, size of a venue.
type Quality = (f64, f64, f64, f64, f64);

fn quality((spread, queue, latency, reliability, size): Quality) -> VenueQuality {
    VenueQuality {
        spread,
        queue,
        latency,
        reliability,
        size,
    }
}

/// Scores of venues that are compared with one another; None where a part is no number that it can be.
#[pyfunction]
pub fn venue_scores(venues: Vec<Quality>) -> Option<Vec<f64>> {
    let venues: Vec<_> = venues.into_iter().map(quality).collect();
    let scores = venues.iter();
    scores
        .map(|venue| execution::venue_score(venue, &venues))
        .collect()
}

/// Place and score of the best venue, the first of equals; None without one.
#[pyfunction]
pub fn best_venue(venues: Vec<Quality>) -> Option<(usize, f64)> {
    let venues: Vec<_> = venues.into_iter().map(quality).collect();
    execution::best_venue(&venues)
}

/// Mean volume of each of 288 slots of the UTC day over past days; days without any do not count.
#[pyfunction]
pub fn volume_curve(py: Python<'_>, days: Vec<Vec<u64>>) -> PyResult<Vec<u64>> {
    let days: Vec<[u64; CURVE_SLOTS]> = days
        .into_iter()
        .map(|day| {
            day.try_into().map_err(|got: Vec<_>| {
                let what = format!("a day of {} slots, not 288", got.len());
                error(py, Kind::Data, what)
            })
        })
        .collect::<PyResult<_>>()?;
    Ok(execution::volume_curve(&days).to_vec())
}
