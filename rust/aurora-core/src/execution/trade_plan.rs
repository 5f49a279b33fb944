//! How a trade is to be protected and to end: what the ledger keeps beside its entry.

use serde::{Deserialize, Serialize};

use super::exit_plan::ExitPlan;
use super::gate::{Intent, Route};
use super::maker_first::EntryPlan;
use super::settings::ExecutionSettings;

/// How a trade is to be protected and to end: what no order of it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradePlan {
    /// Distance of the protective stop from the entry, in price quanta.
    pub stop_distance: i64,
    pub deadline_ns: i64,
    /// When a working entry is cancelled; none for an entry that cannot rest.
    pub entry_expires_ns: Option<i64>,
    /// How a resting entry goes on; none: it rests or ends.
    pub entry: Option<EntryPlan>,
    pub exits: ExitPlan,
}

impl TradePlan {
    pub(super) fn new(
        intent: &Intent,
        exits: ExitPlan,
        now_ns: i64,
        settings: &ExecutionSettings,
    ) -> TradePlan {
        let proposal = intent.proposal();
        let rests = proposal.route == Route::Maker;
        TradePlan {
            stop_distance: proposal.stop_distance,
            deadline_ns: proposal.deadline_ns,
            entry_expires_ns: rests.then_some(now_ns.saturating_add(settings.entry_ttl_ns)),
            entry: EntryPlan::new(settings.maker_first, intent, settings.latency_budget_ns),
            exits,
        }
    }
}
