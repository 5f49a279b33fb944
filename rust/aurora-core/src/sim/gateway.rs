//! The process's side of the line: commands become requests, replies and events become inputs of the step.
//!
//! It keeps nothing that a restart needs. A request is sent a second time only when the venue's answer proves that the
//! first was not carried out, under the same client id, and only while it is young; an order never once the venue was
//! asked about it. Requests bear a time that the [venue's clock](VenueClock) has reached; until its first answer has
//! told that, every command waits. [Why](crate::execution::ABSENCE_GRACE_NS).

use std::collections::{BTreeMap, VecDeque};

use super::talk::{Conversation, Part};
use super::words::{bare, measured, rejection, report_of, status_of};
use crate::execution::{
    ClientId, Command, Evidence, ExecutionReport, Input, OrderKind, OrderSpec, Rejection,
    ReportStatus, VenueClock, RECEIVE_WINDOW_NS,
};
use crate::instrument::Instrument;
use crate::venue::{
    payload, Answer, Call, ClientOrderId, OrderKey, Reply, Request, UserEvent, VenueError,
};

/// The desk's account at the venue.
pub(super) const ACCOUNT: u32 = 0;
/// Age up to which a refused request is sent again.
const YOUNG_NS: i64 = 2_000_000_000;
/// The same for entries, which lose their worth.
const FRESH_NS: i64 = 500_000_000;

/// Wait for the venue's time before it is asked for again.
const TIME_NS: i64 = 500_000_000;

/// What comes back for a request.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Reply(Box<Reply>),
    /// 503 or -1007, or the connection broke: carried out or not, nobody knows.
    Unknown {
        exchange_ns: i64,
    },
}

#[derive(Debug, Clone, Copy)]
enum Ask {
    Time,
    Place(OrderSpec),
    /// Endpoints are tried in turn: the likely one, then the other.
    Cancel {
        instrument: usize,
        id: ClientId,
        conditional: bool,
        last: bool,
    },
    /// Part of a question or of a snapshot.
    Talk {
        conversation: u64,
        part: Part,
    },
}

/// A request under way: what it is, when we were told to, by the steady clock, whether the venue has been asked about its
/// order since, and the time that it bears.
#[derive(Debug, Clone, Copy)]
struct Errand {
    ask: Ask,
    since_ns: i64,
    asked: bool,
    signed_ns: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Gateway {
    instruments: Vec<Instrument>,
    /// Whether an order of this id is conditional; from the ledger's intents and our own.
    conditional: BTreeMap<ClientId, bool>,
    under_way: BTreeMap<u64, Errand>,
    last_request: u64,
    conversations: BTreeMap<u64, Conversation>,
    last_conversation: u64,
    /// Conversation of the snapshot under way; a later one takes its place.
    snapshot: Option<u64>,
    /// What our clock that is never stepped shows; it begins anywhere.
    steady_ns: i64,
    clock: VenueClock,
    /// When the venue was asked for its time, and what waits for that.
    time_asked_ns: Option<i64>,
    waiting: Vec<Command>,
    blocked_until_ns: Option<i64>,
    held: VecDeque<Errand>,
    buffers: bool,
    /// Tells what it measures.
    measures: bool,
    buffered: Vec<ExecutionReport>,
}

/// What the gateway wants: inputs for the step, requests for the line.
#[derive(Debug, Default)]
pub(super) struct Wants {
    pub inputs: Vec<Input>,
    pub calls: Vec<(u64, Call)>,
}

impl Gateway {
    pub fn new(instruments: Vec<Instrument>, buffers: bool, measures: bool) -> Gateway {
        Gateway {
            instruments,
            conditional: BTreeMap::new(),
            under_way: BTreeMap::new(),
            last_request: 0,
            conversations: BTreeMap::new(),
            last_conversation: 0,
            snapshot: None,
            steady_ns: 0,
            clock: VenueClock::default(),
            time_asked_ns: None,
            waiting: Vec::new(),
            blocked_until_ns: None,
            held: VecDeque::new(),
            buffers,
            measures,
            buffered: Vec::new(),
        }
    }

    /// Learns of an order that left in an earlier life.
    pub fn learn(&mut self, spec: &OrderSpec) {
        let conditional = spec.kind == OrderKind::StopMarket;
        self.conditional.insert(spec.client_id, conditional);
    }

    pub fn command(&mut self, command: Command, wants: &mut Wants) {
        if self.clock.reached_ns(self.steady_ns).is_none() {
            self.waiting.push(command);
            return self.ask_time(wants);
        }
        match command {
            Command::Place(order) => {
                self.learn(order.spec());
                self.send(self.errand(Ask::Place(*order.spec())), wants);
            }
            Command::Cancel {
                instrument,
                client_id,
            } => {
                let known = self.conditional.get(&client_id).copied();
                let ask = Ask::Cancel {
                    instrument,
                    id: client_id,
                    conditional: known.unwrap_or(false),
                    last: known == Some(false),
                };
                self.send(self.errand(ask), wants);
            }
            Command::Query {
                instrument,
                client_id,
            } => {
                self.note_question(|id| id == client_id);
                let known = self.conditional.get(&client_id).copied();
                let talk = Conversation::about(instrument, client_id, known.unwrap_or(true));
                self.converse(talk, wants);
            }
            Command::Snapshot { asked_ns } => {
                if let Some(before) = self.snapshot.take() {
                    self.conversations.remove(&before);
                }
                self.buffered.clear();
                self.note_question(|_| true);
                let talk = Conversation::of_account(self.instruments.len(), asked_ns);
                self.snapshot = self.converse(talk, wants);
            }
        }
    }

    fn errand(&self, ask: Ask) -> Errand {
        Errand {
            ask,
            since_ns: self.steady_ns,
            asked: false,
            signed_ns: 0,
        }
    }

    /// When the venue is to be asked for its time, again.
    fn time_due_ns(&self) -> Option<i64> {
        if self.waiting.is_empty() {
            return None;
        }
        let again_ns = self.time_asked_ns.map(|at| at.saturating_add(TIME_NS));
        Some(again_ns.unwrap_or(self.steady_ns))
    }

    fn ask_time(&mut self, wants: &mut Wants) {
        if self.time_due_ns().is_some_and(|due| due <= self.steady_ns) {
            self.time_asked_ns = Some(self.steady_ns);
            self.transmit(self.errand(Ask::Time), Request::Time, wants);
        }
    }

    /// Orders that the venue is asked about now.
    fn note_question(&mut self, about: impl Fn(ClientId) -> bool) {
        for errand in self.under_way.values_mut().chain(&mut self.held) {
            if let Ask::Place(spec) = errand.ask {
                errand.asked |= about(spec.client_id);
            }
        }
    }

    fn converse(&mut self, talk: Conversation, wants: &mut Wants) -> Option<u64> {
        self.last_conversation += 1;
        let conversation = self.last_conversation;
        let parts: Vec<Part> = talk.parts().collect();
        self.conversations.insert(conversation, talk);
        for part in parts {
            let ask = Ask::Talk { conversation, part };
            self.send(self.errand(ask), wants);
        }
        Some(conversation)
    }

    /// What the clock of the steps, which may be stepped itself, shows is told as `now_ns`.
    pub fn set_steady(&mut self, steady_ns: i64) {
        self.steady_ns = steady_ns;
    }

    /// Time that the venue's clock has reached for certain.
    fn venue_ns(&self) -> i64 {
        let reached_ns = self.clock.reached_ns(self.steady_ns);
        reached_ns.unwrap_or(self.steady_ns)
    }

    fn is_blocked(&self) -> bool {
        self.blocked_until_ns
            .is_some_and(|until| self.steady_ns < until)
    }

    /// When requests that were held back may leave, by the steady clock.
    pub fn next_timer(&self) -> Option<i64> {
        let held = self.blocked_until_ns.filter(|_| !self.held.is_empty());
        held.into_iter().chain(self.time_due_ns()).min()
    }

    /// Lets go what was held back.
    pub fn wake(&mut self, now_ns: i64, wants: &mut Wants) {
        self.ask_time(wants);
        if self.is_blocked() {
            return;
        }
        self.blocked_until_ns = None;
        for errand in std::mem::take(&mut self.held) {
            self.again(errand, now_ns, self.venue_ns(), wants);
        }
    }

    fn send(&mut self, errand: Errand, wants: &mut Wants) {
        if self.is_blocked() {
            self.held.push_back(errand);
            return;
        }
        let request = match self.request(&errand.ask) {
            Some(request) => request,
            None => return,
        };
        self.transmit(errand, request, wants);
    }

    fn transmit(&mut self, errand: Errand, request: Request, wants: &mut Wants) {
        let timestamp_ns = self.clock.reached_ns(self.steady_ns);
        let signed_ns = timestamp_ns.unwrap_or(0);
        self.last_request += 1;
        self.under_way.insert(
            self.last_request,
            Errand {
                signed_ns,
                ..errand
            },
        );
        let call = Call {
            timestamp_ns,
            receive_window_ns: RECEIVE_WINDOW_NS,
            ..Call::new(ACCOUNT, request)
        };
        wants.calls.push((self.last_request, call));
    }

    fn request(&self, ask: &Ask) -> Option<Request> {
        match ask {
            Ask::Time => Some(Request::Time),
            Ask::Place(spec) => {
                let order = payload(spec, self.instruments.get(spec.instrument)?)?;
                Some(if order.kind.is_conditional() {
                    Request::NewAlgo(order)
                } else {
                    Request::NewOrder(order)
                })
            }
            Ask::Cancel {
                instrument,
                id,
                conditional,
                ..
            } => {
                let order = OrderKey::Client(ClientOrderId::parse(id.as_str())?);
                Some(if *conditional {
                    Request::CancelAlgo { order }
                } else {
                    Request::Cancel {
                        symbol: *instrument,
                        order,
                    }
                })
            }
            Ask::Talk { conversation, part } => {
                let talk = self.conversations.get(conversation)?;
                talk.request(*part)
            }
        }
    }

    /// An event; a garbled one bears a status that nobody here knows.
    pub fn event(&mut self, event: &UserEvent, garbled: bool, now_ns: i64, wants: &mut Wants) {
        if let Some(mut report) = report_of(event, now_ns) {
            if garbled {
                report.status = ReportStatus::of_venue("NEW_IN_THIS_VERSION");
            }
            self.tell(report, wants);
        }
    }

    /// A report goes to the step; one that comes during a snapshot is kept for that, too.
    pub fn tell(&mut self, report: ExecutionReport, wants: &mut Wants) {
        if self.buffers && self.snapshot.is_some() {
            self.buffered.push(report);
        }
        wants.inputs.push(Input::Report(report));
    }

    pub fn outcome(&mut self, request: u64, outcome: Outcome, now_ns: i64, wants: &mut Wants) {
        let Some(errand) = self.under_way.remove(&request) else {
            return;
        };
        if self.measures {
            wants.inputs.extend(measured(&outcome, now_ns));
        }
        if let Outcome::Reply(reply) = &outcome {
            self.clock.hear(reply.exchange_ns, self.steady_ns);
        }
        self.take_outcome(errand, outcome, now_ns, wants);
        if self.clock.reached_ns(self.steady_ns).is_some() {
            for command in std::mem::take(&mut self.waiting) {
                self.command(command, wants);
            }
        }
    }

    fn take_outcome(&mut self, errand: Errand, outcome: Outcome, now_ns: i64, wants: &mut Wants) {
        let reply = match outcome {
            Outcome::Reply(reply) => *reply,
            Outcome::Unknown { exchange_ns } => {
                if let Ask::Place(spec) = errand.ask {
                    let times = (exchange_ns, now_ns);
                    let said = (ReportStatus::Unknown, Evidence::VenueReply);
                    let report = bare(spec.client_id, said.0, 0, said.1, times);
                    self.tell(report, wants);
                }
                // A cancel is repeated and a question asked again when their time has come.
                return;
            }
        };
        match &reply.outcome {
            Err(VenueError::TooManyRequests | VenueError::Banned | VenueError::TooManyOrders) => {
                // Counted from when the venue said so; the news of it may be late.
                let wait_ns = reply.retry_after_ns.unwrap_or(1_000_000_000);
                let ago_ns = self.venue_ns().saturating_sub(reply.exchange_ns).max(0);
                let until = self.steady_ns.saturating_add(wait_ns - ago_ns);
                self.blocked_until_ns = self.blocked_until_ns.max(Some(until));
                self.held.push_back(errand);
            }
            Err(VenueError::InvalidTimestamp) => {
                if reply.exchange_ns < errand.signed_ns {
                    self.clock.correct(reply.exchange_ns, self.steady_ns);
                }
                self.again(errand, now_ns, reply.exchange_ns, wants);
            }
            _ => self.answered(errand, &reply, now_ns, wants),
        }
    }

    /// The venue has not carried it out. Young enough, it is sent once more; otherwise it never came to be.
    fn again(&mut self, errand: Errand, now_ns: i64, exchange_ns: i64, wants: &mut Wants) {
        let age_ns = self.steady_ns.saturating_sub(errand.since_ns);
        match errand.ask {
            Ask::Time => {}
            Ask::Place(spec) => {
                let limit = if spec.reduce_only { YOUNG_NS } else { FRESH_NS };
                if age_ns <= limit && !errand.asked {
                    return self.send(errand, wants);
                }
                let times = (exchange_ns, now_ns);
                let said = (ReportStatus::Rejected, Evidence::VenueReply);
                let refused = bare(spec.client_id, said.0, 0, said.1, times);
                let report = ExecutionReport {
                    rejection: Some(Rejection::Refused),
                    ..refused
                };
                self.tell(report, wants);
            }
            Ask::Cancel { .. } if age_ns <= YOUNG_NS => self.send(errand, wants),
            Ask::Cancel { .. } => {}
            Ask::Talk { conversation, .. } => {
                if age_ns <= YOUNG_NS && self.conversations.contains_key(&conversation) {
                    self.send(errand, wants);
                } else {
                    self.conversations.remove(&conversation);
                }
            }
        }
    }

    fn answered(&mut self, errand: Errand, reply: &Reply, now_ns: i64, wants: &mut Wants) {
        let times = (reply.exchange_ns, now_ns);
        let said = Evidence::VenueReply;
        match errand.ask {
            Ask::Time => {}
            Ask::Place(spec) => {
                let id = spec.client_id;
                let report = match &reply.outcome {
                    Ok(Answer::Order(row)) => {
                        bare(id, status_of(row.status), row.executed, said, times)
                    }
                    Ok(_) => bare(id, ReportStatus::Accepted, 0, said, times),
                    Err(error) => ExecutionReport {
                        rejection: Some(rejection(*error)),
                        ..bare(id, ReportStatus::Rejected, 0, said, times)
                    },
                };
                self.tell(report, wants);
            }
            Ask::Cancel {
                instrument,
                id,
                conditional,
                last,
            } => match &reply.outcome {
                Ok(Answer::Order(row)) => {
                    let status = status_of(row.status);
                    self.tell(bare(id, status, row.executed, said, times), wants);
                }
                Ok(_) => self.tell(bare(id, ReportStatus::Cancelled, 0, said, times), wants),
                Err(VenueError::CancelRejected) if !last => {
                    let ask = Ask::Cancel {
                        instrument,
                        id,
                        conditional: !conditional,
                        last: true,
                    };
                    self.send(Errand { ask, ..errand }, wants);
                }
                Err(error) => {
                    let refused = bare(id, ReportStatus::CancelRejected, 0, said, times);
                    let report = ExecutionReport {
                        rejection: Some(rejection(*error)),
                        ..refused
                    };
                    self.tell(report, wants);
                }
            },
            Ask::Talk { conversation, part } => {
                let Some(talk) = self.conversations.get_mut(&conversation) else {
                    return;
                };
                talk.hear(part, reply);
                if !talk.is_complete() {
                    return;
                }
                let Some(talk) = self.conversations.remove(&conversation) else {
                    return;
                };
                if self.snapshot == Some(conversation) {
                    self.snapshot = None;
                    let buffered = std::mem::take(&mut self.buffered);
                    let snapshot = talk.snapshot(now_ns, &self.instruments);
                    wants
                        .inputs
                        .extend(snapshot.map(|snapshot| Input::Snapshot { snapshot, buffered }));
                } else {
                    for report in talk.reports(now_ns) {
                        self.tell(report, wants);
                    }
                }
            }
        }
    }
}
