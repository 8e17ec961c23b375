// What an incarnation holds of the simulated network: core/env/net.h over SimNetwork.
#pragma once
#include <deque>
#include <memory>
#include <string>

#include "core/env/net.h"
#include "sim/world/sim_network.h"

namespace faultline::sim {

class SimConnection final : public Connection {
public:
    SimConnection(SimNetwork& net, std::shared_ptr<Incarnation> incarnation,
                  std::shared_ptr<Conn> conn, int side)
        : net_(net),
          incarnation_(std::move(incarnation)),
          held_(std::move(conn)),
          conn_(*held_),
          side_(side) {}
    ~SimConnection() override;
    Result<std::size_t> read_some(IoBuf& in, std::size_t max, Deadline deadline,
                                  fiber::StopToken stop) override;
    Result<void> write(OutBuf out, Deadline deadline, fiber::StopToken stop) override;
    void shutdown_write() noexcept override;
    void abort() noexcept override;
    const Endpoint& peer() const noexcept override { return conn_.ends[1 - side_]; }
    const Endpoint& local() const noexcept override { return conn_.ends[side_]; }

private:
    Result<void> write_bytes(IoBuf data, Deadline deadline, fiber::StopToken stop);
    Result<void> write_file(const FileSlice& slice, Deadline deadline, fiber::StopToken stop);
    Result<void> wait_turn(MonoTime when, Deadline deadline, fiber::StopToken stop);
    Pipe& in() { return conn_.pipes[1 - side_]; }
    Pipe& out() { return conn_.pipes[side_]; }

    SimNetwork& net_;
    std::shared_ptr<Incarnation> incarnation_;
    std::shared_ptr<Conn> held_;  // it may outlive the network's interest
    Conn& conn_;
    int side_;
};

class SimListener final : public faultline::Listener {
public:
    static constexpr std::size_t kBacklog = 128;
    SimListener(SimNetwork& net, std::shared_ptr<Incarnation> incarnation, Endpoint local)
        : net_(net), incarnation_(std::move(incarnation)), local_(std::move(local)) {}
    ~SimListener() override;
    Result<ConnectionPtr> accept(fiber::StopToken stop) override;
    const Endpoint& local() const noexcept override { return local_; }

private:
    friend class AttachedNetwork;
    SimNetwork& net_;
    std::shared_ptr<Incarnation> incarnation_;
    Endpoint local_;
    std::deque<std::shared_ptr<Conn>> queue_;
    fiber::WaitList acceptors_;
};

class AttachedNetwork final : public Network {
public:
    AttachedNetwork(SimNetwork& net, std::shared_ptr<Incarnation> incarnation, std::string host)
        : net_(net), incarnation_(std::move(incarnation)), host_(std::move(host)) {}
    Result<ConnectionPtr> connect(const Endpoint& to, Deadline deadline,
                                  fiber::StopToken stop) override;
    Result<std::unique_ptr<faultline::Listener>> listen(const Endpoint& at) override;

private:
    Result<void> travel(Link& link, std::uint64_t key, Deadline deadline, fiber::StopToken stop);
    Result<void> sleep(Duration d, Deadline deadline, fiber::StopToken stop, const char* where);
    SimNetwork& net_;
    std::shared_ptr<Incarnation> incarnation_;
    std::string host_;
};
}  // namespace faultline::sim
