// INV-104 documented-errors: the error that a broker answers a Produce with is one that the
// protocol documents for that API; an error brings no offset, and a success does.
#include <algorithm>

#include <fmt/format.h>

#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {

// Of Produce, by number as the protocol's table of error codes has them.
constexpr std::int16_t kErrors[] = {
    0,    // none
    2,    // corrupt message
    3,    // unknown topic or partition
    5,    // leader not available
    6,    // not leader or follower
    7,    // request timed out
    10,   // message too large
    17,   // invalid topic
    18,   // record list too large
    19,   // not enough replicas
    20,   // not enough replicas after append
    21,   // invalid required acks
    29,   // topic authorization failed
    32,   // invalid timestamp
    35,   // unsupported version
    42,   // invalid request
    43,   // unsupported for message format
    45,   // out of order sequence number
    46,   // duplicate sequence number
    47,   // invalid producer epoch
    48,   // invalid transaction state
    53,   // transactional id authorization failed
    56,   // storage error
    59,   // unknown producer id
    74,   // fenced leader epoch
    76,   // unsupported compression type
    87,   // invalid record
    100,  // unknown topic id
};

class DocumentedErrors final : public Oracle {
public:
    explicit DocumentedErrors(Judge& judge) : Oracle(judge, 104, "documented-errors") {}

    void on_probe(MonoTime at, NodeId, const probe::Event& event) override {
        const auto* a = std::get_if<probe::ProduceAnswered>(&event);
        if (a == nullptr) return;
        ++premises_;
        if (std::ranges::find(kErrors, a->error) == std::end(kErrors)) {
            violate(at, fmt::format("a produce to {} was answered with error {}, but the protocol "
                                    "has no such error for Produce",
                                    partition_name(a->partition), a->error));
        } else if ((a->error == 0) != (a->first.v >= 0)) {
            violate(at,
                    fmt::format("a produce to {} was answered with error {}, but with offset {}",
                                partition_name(a->partition), a->error, a->first.v));
        }
    }
};
}  // namespace

std::unique_ptr<Oracle> make_documented_errors(Judge& judge, const Cast&) {
    return std::make_unique<DocumentedErrors>(judge);
}
}  // namespace faultline::sim
