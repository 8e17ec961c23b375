// A broker's life in its cluster: it registers, shows signs of life, and says good-bye (KIP-631,
// KIP-841). Lives on shard 0.
#pragma once
#include <functional>

#include "core/broker/config.h"
#include "core/broker/controller_channel.h"

namespace faultline::broker {

struct LifecycleConfig {
    NodeId node;
    std::string cluster_id;
    Endpoint advertised;
    std::string listener = "PLAINTEXT";
    std::optional<std::string> rack;
    std::vector<Uuid> log_dirs;
    std::int64_t previous_epoch = -1;  // of the last clean stop
    Duration heartbeat{}, session{};
};

class Lifecycle {
public:
    struct Hooks {
        // Whether the disk lets this broker lead. May park.
        std::function<bool()> healthy;
        // The controller believes this node alive until then. Never parks.
        std::function<void(MonoTime)> lease;
    };
    Lifecycle(Env& env, LifecycleConfig config, ControllerChannel& channel,
              controller::Controller& local, Hooks hooks);

    // Parks until the controller knows this process, and this node knows the metadata of then.
    // cancelled; exists: another broker with this id is alive, and goes on living.
    Result<void> enlist(fiber::StopToken stop);
    // Heartbeats from now on.
    void start(fiber::Group& fibers);
    // Parks until clients may be served. cancelled.
    Result<void> wait_unfenced(fiber::StopToken stop);
    // Controlled shutdown: parks until others lead what this node led, at most until `deadline`.
    void shut_down(Deadline deadline);

    // The controller of this process has lost the quorum: its successor waits less long for this
    // broker than for others, so what was said of it counts no more. Never parks.
    void own_controller_deposed();

    // Of the registration; -1 before.
    std::int64_t epoch() const noexcept { return epoch_; }

private:
    Result<void> enlist_once(fiber::StopToken stop);
    void run(fiber::StopToken stop);
    // How long until the next one.
    Duration beat(fiber::StopToken stop);
    void judge(const wire::BrokerHeartbeatResponse& answer, MonoTime sent, bool by_own);

    Env& env_;
    LifecycleConfig config_;
    ControllerChannel& channel_;
    controller::Controller& local_;
    Hooks hooks_;
    Uuid incarnation_;
    std::int64_t epoch_ = -1;
    bool fenced_ = true, leaving_ = false, may_leave_ = false, ended_ = false, forgotten_ = false;
    fiber::Condition changed_, hurry_;
    bool hurrying_ = false;
    MonoTime deposed_at_{};
};
}  // namespace faultline::broker
