#include "core/logic/fetch/fetch_sessions.h"

namespace faultline::logic {
namespace {
using wire::KafkaError;
constexpr std::int32_t kNoSession = 0, kFirstEpoch = 0, kLastEpoch = -1;
}  // namespace

bool is_full_fetch(const wire::FetchRequest& request) noexcept {
    return request.session_epoch == kFirstEpoch || request.session_epoch == kLastEpoch;
}

FetchPlan FetchSessions::begin(wire::FetchRequest& request, bool by_id, MonoTime now) {
    FetchPlan plan;
    plan.by_id = by_id;
    plan.privileged = request.replica_id >= 0 || request.replica_state.replica_id >= 0;
    const auto refuse = [&](KafkaError error) {
        plan.kind = FetchPlan::Kind::refused;
        plan.error = error;
        return std::move(plan);
    };
    const auto take_all = [&] {
        plan.kind = FetchPlan::Kind::sessionless;
        plan.topics =
            names_twice(request.topics) ? each_once(request.topics) : std::move(request.topics);
    };
    if (is_full_fetch(request)) {
        remove(request.session_id);
        take_all();
        if (request.session_epoch == kFirstEpoch) plan.kind = FetchPlan::Kind::full;
        return plan;
    }
    const auto at = sessions_.find(request.session_id);
    if (at == sessions_.end()) return refuse(KafkaError::fetch_session_id_not_found);
    FetchSession& session = at->second.session;
    if (session.epoch() != request.session_epoch)
        return refuse(KafkaError::invalid_fetch_session_epoch);
    if (session.by_id() != by_id) return refuse(KafkaError::fetch_session_topic_id_error);
    session.update(request.topics, request.forgotten_topics_data);
    if (session.size() == 0) {
        remove(request.session_id);
        take_all();
        return plan;
    }
    session.next_epoch();
    touch(at->second, now);
    plan.kind = FetchPlan::Kind::incremental;
    plan.session = session.id();
    plan.epoch = session.epoch();
    plan.topics = session.topics();
    return plan;
}

FetchVerdict FetchSessions::finish(const FetchPlan& plan, const std::vector<FetchFound>& found,
                                   MonoTime now, Rng& rng) {
    FetchVerdict verdict;
    if (plan.kind == FetchPlan::Kind::incremental) {
        const auto at = sessions_.find(plan.session);
        if (at == sessions_.end()) {
            verdict.error = KafkaError::fetch_session_id_not_found;
        } else if (at->second.session.epoch() != plan.epoch) {
            verdict.error = KafkaError::invalid_fetch_session_epoch;
        } else {
            verdict.session = plan.session;
            verdict.everything = false;
            verdict.told = at->second.session.tell(found);
        }
    } else if (plan.kind == FetchPlan::Kind::full &&
               make_room(plan.privileged, found.size(), now)) {
        const std::int32_t id = fresh_id(rng);
        Entry entry{FetchSession(id, plan.privileged, plan.by_id, now), now, {}};
        entry.session.update(plan.topics, {});
        // What is told now need not be told again; the order stays that of the request.
        std::vector<FetchFound> quiet = found;
        for (FetchFound& f : quiet) f.bytes = 0;
        entry.session.tell(quiet);
        touch(sessions_.emplace(id, std::move(entry)).first->second, now);
        verdict.session = id;
    }
    return verdict;
}

void FetchSessions::forget(const Entry& entry) {
    by_use_.erase({entry.used, entry.session.id()});
    for_all_.erase(entry.worth);
    for_privileged_.erase(entry.worth);
}

void FetchSessions::remove(std::int32_t id) {
    const auto at = sessions_.find(id);
    if (id == kNoSession || at == sessions_.end()) return;
    forget(at->second);
    sessions_.erase(at);
}

void FetchSessions::touch(Entry& entry, MonoTime now) {
    forget(entry);
    const FetchSession& session = entry.session;
    entry.used = now;
    entry.worth = {session.privileged(), session.size(), session.id()};
    by_use_.insert({now, session.id()});
    const bool old = now - session.created() > limits_.idle;
    if (old) for_all_.insert(entry.worth);
    if (old || !session.privileged()) for_privileged_.insert(entry.worth);
}

// There is room, or a session goes: one that was not used for long; else the one that is worth
// least of those that may go, if the new one is worth more.
bool FetchSessions::make_room(bool privileged, std::size_t size, MonoTime now) {
    if (sessions_.size() < limits_.slots) return true;
    if (by_use_.empty()) return false;
    if (const auto [used, id] = *by_use_.begin(); now - used > limits_.idle) {
        remove(id);
        return true;
    }
    const auto& candidates = privileged ? for_privileged_ : for_all_;
    if (candidates.empty()) return false;
    const Worth least = *candidates.begin();
    if (Worth{privileged, size, 0} < least) return false;
    remove(std::get<2>(least));
    return true;
}

std::int32_t FetchSessions::fresh_id(Rng& rng) const {
    const auto span = static_cast<std::uint64_t>(INT32_MAX / limits_.divisor);
    while (true) {
        const auto id =
            static_cast<std::int32_t>(rng.below(span)) * limits_.divisor + limits_.remainder;
        if (id != kNoSession && !sessions_.contains(id)) return id;
    }
}
}  // namespace faultline::logic
