// The fetch sessions of one shard: which request belongs to which, and who goes when there is no
// room (KIP-227). Pure.
#pragma once
#include <memory>
#include <set>
#include <tuple>

#include "core/base/random.h"
#include "core/logic/fetch/fetch_session.h"

namespace faultline::logic {

struct FetchSessionLimits {
    std::size_t slots = 1000;  // how many sessions are kept
    Duration idle = 2min;      // one that was not used for longer may go, and an older one too
    // Ids are those that give `remainder` when divided by `divisor`: so shards find each other's.
    std::int32_t divisor = 1, remainder = 0;
};

// Whether the request names everything that it wants; the session that it names ends (epochs 0 and
// -1).
bool is_full_fetch(const wire::FetchRequest& request) noexcept;

// What a request turned out to be.
struct FetchPlan {
    enum class Kind : std::uint8_t {
        undecided,
        sessionless,  // everything is asked for and told, nothing is kept
        full,         // the same, and a session begins
        incremental,  // of a session
        refused,      // `error` is the answer
    };
    Kind kind = Kind::undecided;
    wire::KafkaError error = wire::KafkaError::none;
    std::int32_t session = 0;
    std::int32_t epoch = 0;  // of the session when this request was taken
    bool privileged = false, by_id = false;
    FetchSession::Topics topics;  // what is to be fetched, in order, each partition once
};

struct FetchVerdict {
    wire::KafkaError error = wire::KafkaError::none;
    std::int32_t session = 0;  // for the answer; 0: none
    std::vector<bool> told;    // by position in `found`; unused when everything is
    bool everything = true;
};

class FetchSessions {
public:
    explicit FetchSessions(const FetchSessionLimits& limits) : limits_(limits) {}

    // Takes a request's topics (moved into the plan) and changes its session. By `by_id` topics are
    // named by id. Errors of the plan: FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH,
    // FETCH_SESSION_TOPIC_ID_ERROR.
    FetchPlan begin(wire::FetchRequest& request, bool by_id, MonoTime now);
    // What of `found`, in the order of the plan, is answered; begins the session of a full fetch
    // where there is room. `rng` draws its id. Errors as above: the session may have gone, or have
    // been used meanwhile.
    FetchVerdict finish(const FetchPlan& plan, const std::vector<FetchFound>& found, MonoTime now,
                        Rng& rng);

    std::size_t size() const noexcept { return sessions_.size(); }

private:
    // What one session is worth beside another: followers' more, larger more.
    using Worth = std::tuple<bool, std::size_t, std::int32_t>;
    struct Entry {
        FetchSession session;
        MonoTime used;
        Worth worth;
    };
    void remove(std::int32_t id);
    void touch(Entry& entry, MonoTime now);
    void forget(const Entry& entry);
    bool make_room(bool privileged, std::size_t size, MonoTime now);
    std::int32_t fresh_id(Rng& rng) const;

    FetchSessionLimits limits_;
    std::map<std::int32_t, Entry> sessions_;
    std::set<std::pair<MonoTime, std::int32_t>> by_use_;
    // Whose place a new session may take: any one's, a follower's.
    std::set<Worth> for_all_, for_privileged_;
};
}  // namespace faultline::logic
