// Who is meant: a node by its name, or by the part it plays when the fault strikes. Names of parts
// stay true when the code changes what happens before, times and numbers do not.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace faultline::sim {

struct Selector {
    enum class Part : std::uint8_t {
        name,        // "n1", "p1"
        leader,      // leader(orders,0)
        follower,    // follower(orders,0,1): the i-th replica that does not lead, from 0
        followers,   // followers(orders,0)
        controller,  // the active one
        standby,     // standby(1): the i-th node of the quorum that is not the active one, from 0
        any,         // one broker, drawn for this fault
        all,         // every broker
        majority,    // more than half of the brokers, drawn for this fault
        minority,    // the others
        rack,        // rack(r1): brokers and clients there
        dc,          // dc(north)
        brokers,     // every broker
        clients,     // every client
        count_
    };
    Part part = Part::name;
    std::string name;  // of a node, topic, rack or data centre
    std::int32_t partition = 0, index = 0;
};

// Nothing when the text is no selector; `why` then says what is allowed.
std::optional<Selector> parse_selector(std::string_view text, std::string& why);
std::string to_string(const Selector& selector);
// For the schema and for error messages.
std::span<const std::string_view> selector_forms();
}  // namespace faultline::sim
