#include "core/client/cluster.h"

#include <algorithm>
#include <utility>

#include "gen/wire/metadata_request.h"

namespace faultline::client {
namespace {
constexpr Duration kElection = 2s, kElsewhere = 2s;
}

Cluster::Cluster(Env& env, ClientConfig config)
    : env_(env), config_(std::move(config)), rng_(env.rng.fork(env.rng.next())) {
    next_candidate_ = rng_.below(std::max<std::size_t>(1, config_.bootstrap.size()));
}

Deadline Cluster::request_deadline(Deadline deadline) const {
    return std::min(deadline, env_.clock.in(config_.request_timeout));
}

Result<void> Cluster::back_off(std::uint32_t attempt, Deadline deadline, fiber::StopToken stop) {
    const Deadline until = env_.clock.in(config_.retry.wait(attempt, rng_));
    const bool late = until > deadline;
    if (env_.fibers.sleep_until(late ? deadline : until, stop) == fiber::Wake::cancelled) {
        return Error{Errc::cancelled, 0, "client.back_off"};
    }
    if (late) return Error{Errc::timed_out, 0, "client.back_off"};
    return {};
}

void Cluster::reap() {
    while (!dead_.empty()) {
        const ConnRef conn = std::move(dead_.back());
        dead_.pop_back();
        conn->close();
    }
}

Result<ConnRef> Cluster::connect(const Endpoint& endpoint, Deadline deadline,
                                 fiber::StopToken stop) {
    auto& slot = brokers_[endpoint];
    if (!slot) slot = std::make_unique<Broker>();
    Broker& broker = *slot;
    if (broker.conn && broker.conn->usable()) return broker.conn;
    reap();
    FL_TRY(const auto turn, broker.connecting.lock(deadline, stop));
    if (broker.conn && broker.conn->usable()) return broker.conn;
    if (broker.conn) {
        env_.probe.reached(probe::Site::client_reconnected);
        dead_.push_back(std::exchange(broker.conn, nullptr));
    }
    const Deadline until = std::min(deadline, env_.clock.in(config_.connect_timeout));
    FL_TRY(auto stream, env_.net.connect(endpoint, until, stop));
    auto conn = std::make_shared<rpc::ClientConn>(
        env_.fibers, std::move(stream),
        rpc::ClientConnOptions{.client_id = config_.client_id,
                               .max_response = config_.max_response},
        env_.probe);
    const auto started = conn->start(until, stop);
    if (!started.ok()) {
        dead_.push_back(std::move(conn));
        dead_.back()->close();
        return started.error();
    }
    broker.conn = conn;
    return conn;
}

std::vector<Endpoint> Cluster::candidates() const {
    std::vector<Endpoint> all;
    for (const auto& [node, info] : view_.brokers()) all.push_back({info.host, info.port});
    for (const Endpoint& e : config_.bootstrap) {
        if (std::find(all.begin(), all.end(), e) == all.end()) all.push_back(e);
    }
    return all;
}

Result<ConnRef> Cluster::any(Deadline deadline, fiber::StopToken stop) {
    for (std::uint32_t attempt = 1;; ++attempt) {
        const auto all = candidates();
        if (all.empty()) return Error{Errc::invalid, 0, "client.no_bootstrap"};
        for (const Endpoint& e : all) {
            const auto it = brokers_.find(e);
            const bool there =
                it != brokers_.end() && it->second->conn && it->second->conn->usable();
            if (there && e != clueless_) return it->second->conn;
        }
        for (std::size_t i = 0; i < all.size(); ++i, ++next_candidate_) {
            const Endpoint& e = all[next_candidate_ % all.size()];
            if (e == clueless_) continue;
            // It answers, if not what is needed: nobody else is waited for as long.
            auto conn = connect(
                e, clueless_ ? std::min(deadline, env_.clock.in(kElsewhere)) : deadline, stop);
            if (conn.ok()) return conn;
            if (conn.code() == Errc::cancelled) return conn.error();
        }
        if (std::exchange(clueless_, std::nullopt)) continue;
        FL_CHECK(back_off(attempt, deadline, stop));
    }
}

Result<ConnRef> Cluster::broker(std::int32_t node, Deadline deadline, fiber::StopToken stop) {
    for (std::uint32_t attempt = 1;; ++attempt) {
        const auto asked = refresh("", deadline, stop);
        Error last{Errc::not_found, 0, "client.broker"};
        if (!asked.ok()) {
            last = asked.error();
        } else if (const BrokerInfo* info = view_.broker(node)) {
            auto conn = connect({info->host, info->port}, deadline, stop);
            if (conn.ok()) return conn;
            last = conn.error();
        }
        if (last.code == Errc::cancelled || last.code == Errc::not_found) return last;
        const auto waited = back_off(attempt, deadline, stop);
        if (!waited.ok()) return waited.code() == Errc::cancelled ? waited.error() : last;
    }
}

Result<void> Cluster::refresh(const std::string& topic, Deadline deadline, fiber::StopToken stop) {
    FL_TRY(const ConnRef conn, any(deadline, stop));
    for (const auto& [endpoint, broker] : brokers_) {
        if (broker->conn == conn) asked_last_ = endpoint;
    }
    wire::MetadataRequest request;
    request.allow_auto_topic_creation = config_.allow_auto_create;
    if (topic.empty()) {
        request.topics.reset();
    } else {
        wanted_.insert(topic);
        for (const std::string& name : wanted_) request.topics->emplace_back().name = name;
    }
    FL_TRY(const auto response,
           conn->call<wire::MetadataResponse>(request, request_deadline(deadline), stop));
    view_.apply(response);
    if (topic.empty()) stale_.clear();
    for (const auto& t : response.topics) {
        if (!t.name) continue;
        stale_.erase(*t.name);
        asked_[*t.name] = env_.clock.now();
    }
    return {};
}

void Cluster::refresh_aged(const std::string& topic, Deadline deadline, fiber::StopToken stop) {
    const auto asked = asked_.find(topic);
    if (asked == asked_.end()) return;
    if (env_.clock.now() - asked->second <= config_.metadata_max_age) return;
    asked->second = env_.clock.now();
    // Without an answer what is known may still be good.
    (void)refresh(topic, request_deadline(deadline), stop);
}

Result<Leader> Cluster::leader(const std::string& topic, std::int32_t partition, Deadline deadline,
                               fiber::StopToken stop) {
    bool refreshed = false;
    const MonoTime begun = env_.clock.now();
    Error last{Errc::timed_out, 0, "client.leader"};
    refresh_aged(topic, deadline, stop);
    for (std::uint32_t attempt = 1;; ++attempt) {
        const PartitionInfo* info =
            stale_.contains(topic) ? nullptr : view_.partition(topic, partition);
        const BrokerInfo* broker = info == nullptr ? nullptr : view_.broker(info->leader);
        if (broker != nullptr) {
            const std::int32_t epoch = info->leader_epoch;
            const Uuid id = view_.topic(topic)->id;
            Result<ConnRef> conn =
                env_.probe.perturb(probe::Site::client_connect_failed)
                    ? Result<ConnRef>(Error{Errc::unreachable, 0, "client.leader"})
                    : connect({broker->host, broker->port}, deadline, stop);
            if (conn.ok()) return Leader{*std::move(conn), epoch, id};
            env_.probe.reached(probe::Site::client_connect_failed);
            last = conn.error();
            stale_.insert(topic);
        } else if (refreshed) {
            last = {Errc::not_found, 0, "client.leader"};
            // A broker that is cut off from the others knows of no leader for as long as it is.
            if (env_.clock.now() - begun > kElection) clueless_ = asked_last_;
        }
        if (last.code == Errc::cancelled) return last;
        // The first look costs no wait; every further one does.
        if (attempt > 1 || refreshed) {
            const auto waited = back_off(attempt, deadline, stop);
            if (!waited.ok()) return waited.code() == Errc::cancelled ? waited.error() : last;
        }
        const auto asked = refresh(topic, deadline, stop);
        refreshed = asked.ok();
        if (!asked.ok()) {
            env_.probe.reached(probe::Site::client_metadata_refused);
            last = asked.error();
            if (last.code == Errc::cancelled || deadline.at <= env_.clock.now()) return last;
        }
    }
}

Result<ConnRef> Cluster::known_broker(std::int32_t id, Deadline deadline, fiber::StopToken stop) {
    const BrokerInfo* known = view_.broker(id);
    if (known == nullptr) return Error{Errc::not_found, 0, "client.broker"};
    return connect({known->host, known->port}, deadline, stop);
}

Result<std::int32_t> Cluster::partitions(const std::string& topic, Deadline deadline,
                                         fiber::StopToken stop) {
    refresh_aged(topic, deadline, stop);
    for (std::uint32_t attempt = 1;; ++attempt) {
        const TopicInfo* info = view_.topic(topic);
        if (info != nullptr && !info->partitions.empty()) {
            return static_cast<std::int32_t>(info->partitions.size());
        }
        Error last{Errc::not_found, 0, "client.partitions"};
        if (attempt > 1) {
            const auto waited = back_off(attempt - 1, deadline, stop);
            if (!waited.ok()) return waited.code() == Errc::cancelled ? waited.error() : last;
        }
        const auto asked = refresh(topic, deadline, stop);
        if (asked.ok()) continue;
        last = asked.error();
        if (last.code == Errc::cancelled || deadline.at <= env_.clock.now()) return last;
    }
}

void Cluster::close() {
    for (auto& [endpoint, broker] : brokers_) {
        if (broker->conn) dead_.push_back(std::move(broker->conn));
    }
    brokers_.clear();
    reap();
}
}  // namespace faultline::client
