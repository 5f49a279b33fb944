//! What the venue refuses with: the exchange's numeric codes, one table.

use serde::{Deserialize, Serialize};

macro_rules! venue_errors {
    ($($variant:ident = $code:literal, $status:literal, $message:literal;)*) => {
        /// A refusal with the exchange's number.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum VenueError {
            $(#[doc = $message] $variant,)*
        }

        impl VenueError {
            /// Every refusal, in the order of the table.
            pub const ALL: &'static [VenueError] = &[$(VenueError::$variant,)*];

            /// The number in the answer's `code`.
            pub fn code(self) -> i32 {
                match self {
                    $(VenueError::$variant => $code,)*
                }
            }

            /// The HTTP status that carries it.
            pub fn status(self) -> u16 {
                match self {
                    $(VenueError::$variant => $status,)*
                }
            }

            /// The text in the answer's `msg`.
            pub fn message(self) -> &'static str {
                match self {
                    $(VenueError::$variant => $message,)*
                }
            }
        }
    };
}

venue_errors! {
    NoBook = -1001, 503, "Internal error; unable to process your request. Please try again.";
    TooManyRequests = -1003, 429, "Too many requests.";
    Banned = -1003, 418, "Way too many requests; the address is banned for a while.";
    InvalidMessage = -1013, 400, "Invalid message.";
    TooManyOrders = -1015, 429, "Too many new orders.";
    InvalidTimestamp = -1021, 400, "Timestamp for this request is outside of the recvWindow.";
    MandatoryMissing = -1102, 400, "A mandatory parameter was not sent, was empty or malformed.";
    NotRequired = -1106, 400, "A parameter was sent when not required.";
    BadPrecision = -1111, 400, "Precision is over the maximum defined for this asset.";
    InvalidTimeInForce = -1115, 400, "Invalid timeInForce.";
    InvalidOrderType = -1116, 400, "Invalid orderType.";
    InvalidSymbol = -1121, 400, "Invalid symbol.";
    InvalidParameter = -1130, 400, "Data sent for a parameter is not valid.";
    CancelRejected = -2011, 400, "Unknown order sent.";
    NoSuchOrder = -2013, 400, "Order does not exist.";
    MarginNotSufficient = -2019, 400, "Margin is insufficient.";
    WouldTrigger = -2021, 400, "Order would immediately trigger.";
    ReduceOnlyRejected = -2022, 400, "ReduceOnly Order is rejected.";
    TooManyOpenOrders = -2025, 400, "Reach max open order limit.";
    ExceedsPositionLimit = -2027, 400, "Exceeded the maximum allowable position at current leverage.";
    PriceAboveMaximum = -4002, 400, "Price greater than max price.";
    QuantityNotPositive = -4003, 400, "Quantity less than or equal to zero.";
    QuantityBelowMinimum = -4004, 400, "Quantity less than min quantity.";
    QuantityAboveMaximum = -4005, 400, "Quantity greater than max quantity.";
    PriceBelowMinimum = -4013, 400, "Price less than min price.";
    PriceNotOnTick = -4014, 400, "Price not increased by tick size.";
    InvalidClientOrderId = -4015, 400, "Client order id is not valid.";
    PriceAboveBand = -4016, 400, "Price is higher than mark price multiplier cap.";
    QuantityNotOnStep = -4023, 400, "Quantity not increased by step size.";
    PriceBelowBand = -4024, 400, "Price is lower than mark price multiplier floor.";
    InvalidLeverage = -4028, 400, "Leverage is not valid.";
    TooManyConditionalOrders = -4045, 400, "Reach max stop order limit.";
    NoNeedToChangePositionMode = -4059, 400, "No need to change position side.";
    PositionSideMismatch = -4061, 400, "Order's position side does not match user's setting.";
    ReduceOnlyConflict = -4062, 400, "Invalid or improper reduceOnly value.";
    OpenOrdersInTheWay = -4067, 400, "Position side cannot be changed if there exists open orders.";
    PositionInTheWay = -4068, 400, "Position side cannot be changed if there exists position.";
    DuplicateClientOrderId = -4116, 400, "ClientOrderId is duplicated.";
    AlreadyTriggering = -4117, 400, "Stop order is in triggering process, please try again later.";
    UseConditionalEndpoint = -4120, 400, "Order type not supported for this endpoint; use the algo order endpoints.";
    MarketPriceOutsideBand = -4131, 400, "The counterparty's best price does not meet the PERCENT_PRICE filter limit.";
    QuantityWithClosePosition = -4137, 400, "Quantity must be zero with closePosition equals true.";
    SymbolNotTrading = -4140, 400, "Invalid symbol status for opening position.";
    MinNotional = -4164, 400, "Order's notional must be no smaller than the minimum, unless reduce only.";
    PriceAboveStopBand = -4183, 400, "Limit price can't be higher than the stop price's multiplier cap.";
    PriceBelowStopBand = -4184, 400, "Limit price can't be lower than the stop price's multiplier floor.";
    FillOrKillRejected = -5021, 400, "Due to the order could not be filled immediately, the FOK order has been rejected.";
    PostOnlyRejected = -5022, 400, "Due to the order could not be executed as maker, the Post Only order will be rejected.";
    TooManyAmendments = -5026, 400, "Exceed maximum modify order limit.";
    NothingToAmend = -5027, 400, "No need to modify the order.";
    InvalidGoodTillDate = -5040, 400, "The goodTillDate timestamp must be greater than the current time plus 600 seconds.";
}

impl std::fmt::Display for VenueError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.code(), self.message())
    }
}

impl std::error::Error for VenueError {}
