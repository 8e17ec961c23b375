// What a client reads late. A broker that is killed has answers under way, and a client that stands
// still reads them when the broker runs again and its log was cut: they tell of the log as it was.
#pragma once
#include <cstdint>
#include <map>
#include <vector>

#include "core/env/probe.h"

namespace faultline::sim {

class LateAnswers {
public:
    enum class When : std::uint8_t { now, perhaps_before, before };
    // A log lost what stood at `end` and above, below its old end.
    struct Cut {
        std::int64_t end = 0, old_end = 0;
        bool allowed = false;  // by the contract, for what promised no durability
        std::map<std::int32_t, std::int64_t> sent;  // by client: its newest record then
    };

    // Of an oracle's events, before it judges them. Who asks only since() needs no answers.
    void on_probe(const probe::Event& event);
    void without_answers(const probe::Event& event);
    // The log was opened, or cut, with that end.
    void cut(probe::PartitionKey partition, std::int64_t end, bool allowed);
    // The newest cut that took something at an offset, after the record was sent: what tells of the
    // record at that offset may be older than the cut. Null when there is none; valid until the
    // next event.
    const Cut* since(probe::PartitionKey partition, std::int64_t offset, std::int32_t client,
                     std::int64_t record) const;
    // Was this acknowledgement, which is read now, given before since()?
    When acknowledged(probe::PartitionKey partition, std::int64_t offset, std::int32_t client,
                      std::int64_t record) const;

private:
    using Ranges = std::map<std::int64_t, std::int64_t>;  // last offset -> first
    struct Log {
        Ranges answered, before;  // since the newest cut below them, and before it
        std::vector<Cut> cuts;    // ascending, in their ends as in time
        std::int64_t end = 0;
    };
    static bool holds(const Ranges& ranges, std::int64_t offset);

    std::map<probe::PartitionKey, Log> logs_;
    std::map<std::int32_t, std::int64_t> sent_;
};
}  // namespace faultline::sim
