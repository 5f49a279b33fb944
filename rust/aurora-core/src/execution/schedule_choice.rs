//! Which schedule an entry is worked by: a pure function of how long its signal lasts, how large it is, and what the
//! spread costs (SPEC §9). The table is in `docs/execution.md`.

use serde::{Deserialize, Serialize};

use crate::units::Money;

const WHOLE_E4: i128 = 10_000;

/// Above which values what counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChoiceRules {
    /// A signal that persists with more than this probability, in 1e-4, can wait.
    pub persistence_e4: i64,
    /// An entry of more than this share of the average volume, in 1e-4, is large.
    pub volume_share_e4: i64,
    /// An entry of more than this notional is large.
    pub notional: Money,
    /// A spread of more than this, in 1e-4 of the mid, is earned rather than paid.
    pub spread_e4: i64,
}

impl Default for ChoiceRules {
    fn default() -> ChoiceRules {
        ChoiceRules {
            persistence_e4: 7_000,
            volume_share_e4: 1_000,
            notional: Money(50_000 * 100_000_000),
            spread_e4: 5,
        }
    }
}

/// What is known when an entry is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntrySituation {
    /// Probability, in 1e-4, that the signal still stands at the end of a schedule.
    pub persistence_e4: i64,
    pub size: i64,
    pub notional: Money,
    /// What the market trades on average during a schedule, in the unit of `size`; none: nothing is known of it.
    pub average_volume: Option<i64>,
    /// Best bid and ask.
    pub bid: i64,
    pub ask: i64,
    /// Volumes of past days are known.
    pub has_curve: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ScheduleChoice {
    /// One order for all of it.
    None,
    TimeWeighted,
    VolumeWeighted,
    Participation,
    Iceberg,
}

impl ScheduleChoice {
    pub const ALL: [ScheduleChoice; 5] = [
        ScheduleChoice::None,
        ScheduleChoice::TimeWeighted,
        ScheduleChoice::VolumeWeighted,
        ScheduleChoice::Participation,
        ScheduleChoice::Iceberg,
    ];

    /// As settings name it.
    pub fn name(self) -> &'static str {
        match self {
            ScheduleChoice::None => "none",
            ScheduleChoice::TimeWeighted => "twap",
            ScheduleChoice::VolumeWeighted => "vwap",
            ScheduleChoice::Participation => "pov",
            ScheduleChoice::Iceberg => "iceberg",
        }
    }
}

/// The schedule of an entry.
///
/// One that is not large needs none. A large one whose signal does not last cannot wait: all of it is offered at once,
/// a part of it shown. One that lasts waits: at a rate of the volume where it is much of that; else, where the spread is
/// wide, a part of it shown, which earns the spread; else over time, by the volume curve where there is one.
pub fn choose_schedule(situation: &EntrySituation, rules: &ChoiceRules) -> ScheduleChoice {
    let much_volume = situation.average_volume.is_some_and(|volume| {
        i128::from(situation.size) * WHOLE_E4
            > i128::from(volume.max(0)) * i128::from(rules.volume_share_e4)
    });
    if !much_volume && situation.notional <= rules.notional {
        return ScheduleChoice::None;
    }
    if situation.persistence_e4 <= rules.persistence_e4 {
        return ScheduleChoice::Iceberg;
    }
    if much_volume {
        return ScheduleChoice::Participation;
    }
    let spread = i128::from(situation.ask) - i128::from(situation.bid);
    let twice_mid = i128::from(situation.ask) + i128::from(situation.bid);
    if 2 * spread * WHOLE_E4 > twice_mid * i128::from(rules.spread_e4) {
        return ScheduleChoice::Iceberg;
    }
    if situation.has_curve {
        ScheduleChoice::VolumeWeighted
    } else {
        ScheduleChoice::TimeWeighted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOLLARS: i128 = 100_000_000;

    /// A lasting signal, 1 % of the volume, a spread of a basis point.
    fn calm(notional: i128) -> EntrySituation {
        EntrySituation {
            persistence_e4: 9_000,
            size: 100,
            notional: Money(notional * DOLLARS),
            average_volume: Some(10_000),
            bid: 100_000,
            ask: 100_010,
            has_curve: false,
        }
    }

    fn chosen(situation: EntrySituation) -> &'static str {
        choose_schedule(&situation, &ChoiceRules::default()).name()
    }

    #[test]
    fn every_row_of_the_table_and_both_sides_of_every_edge() {
        let small = calm(50_000);
        let large = EntrySituation {
            notional: Money(50_000 * DOLLARS + 1),
            ..small
        };
        let share = |average_volume| EntrySituation {
            average_volume,
            ..small
        };
        assert_eq!(chosen(small), "none");
        assert_eq!(chosen(large), "twap");
        assert_eq!(
            chosen(share(Some(1_000))),
            "none",
            "ten per cent is not more"
        );
        assert_eq!(chosen(share(Some(999))), "pov");
        assert_eq!(chosen(share(Some(0))), "pov");
        assert_eq!(
            chosen(share(None)),
            "none",
            "nothing is known of the volume"
        );
        let curve = EntrySituation {
            has_curve: true,
            ..large
        };
        assert_eq!(chosen(curve), "vwap");
        let lasts = |persistence_e4| EntrySituation {
            persistence_e4,
            ..large
        };
        assert_eq!(
            [chosen(lasts(7_000)), chosen(lasts(7_001))],
            ["iceberg", "twap"]
        );
        let brief = EntrySituation {
            persistence_e4: 0,
            ..share(Some(1))
        };
        assert_eq!(chosen(brief), "iceberg");
        assert_eq!(
            chosen(EntrySituation {
                persistence_e4: 0,
                ..small
            }),
            "none"
        );
        // Five basis points of a mid of 100 025 are 50.0125.
        let spread = |wide: i64| EntrySituation {
            ask: 100_000 + wide,
            ..large
        };
        assert_eq!(
            [chosen(spread(50)), chosen(spread(51))],
            ["twap", "iceberg"]
        );
        assert_eq!(
            chosen(EntrySituation {
                ask: 101_000,
                ..share(Some(1))
            }),
            "pov"
        );
    }
}
