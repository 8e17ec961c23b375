// Which things of a run are drawn one by one, and which are told as one: 800 identical round trips
// are a band with a number, the one that got no answer is an arrow.
#pragma once
#include <string>
#include <vector>

#include "visualize/run_model.h"

namespace faultline::visualize {

inline constexpr std::int64_t kSeveralApis = -2;

// Exchanges of one kind between two nodes, without a turn of the run between them.
struct Traffic {
    std::int64_t from, to;
    std::int64_t api;  // kSeveralApis: what a client asks before its work
    Ns begin, end;
    std::vector<std::size_t> exchanges;  // indices into Run::exchanges, by begin
    std::size_t unanswered;
    Ns median;  // time from request to response, of the answered
    std::string label(const Run&) const;
};

struct RecordGroup {
    std::int64_t node, partition;  // partition 0: of several
    bool read;
    Ns begin, end;
    std::int64_t count, first, last;
    std::string label(const Run&) const;
};

// Disk work that succeeded.
struct DiskGroup {
    std::int64_t node;
    Ns begin, end;
    std::int64_t writes = 0, syncs = 0, others = 0, bytes = 0;
    std::string label() const;
};

struct MarkGroup {
    std::int64_t node;
    Ns begin, end;
    std::string text;
    Weight weight;
};

struct Picture {
    std::vector<Ns> turns;  // those at which groups end; fewer than the run's when it has too many
    std::vector<std::size_t> arrows;  // indices into Run::exchanges
    std::vector<Traffic> traffic;
    std::vector<RecordGroup> records;
    std::vector<DiskGroup> disk;
    std::vector<MarkGroup> marks;  // by begin; with what power losses took
    std::size_t hidden_marks = 0;  // left out for want of room, minor ones first
};

// `full`: every exchange is an arrow and every mark is shown.
Picture make_picture(const Run& run, bool full);

// "2.310 s"; with microseconds below a tenth of a second: "12.345 ms".
std::string time_text(Ns at, Ns whole_run);
// A duration in at most four characters and a unit: "850 us", "1.2 ms", "13 s".
std::string duration_text(Ns duration);
// "1,234,567"
std::string grouped(std::int64_t number);
}  // namespace faultline::visualize
