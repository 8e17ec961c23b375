// A TCP stream as a core Connection.
#pragma once
#include <atomic>
#include <memory>
#include <sys/socket.h>

#include "core/env/net.h"
#include "runtime/posix/epoll_driver.h"
#include "runtime/posix/fd.h"

namespace faultline::posix {

// Where received bytes land: blocks from which slices are cut one after another, so that the pieces
// of a frame lie side by side and small frames of many connections share a block.
class ReceiveRoom {
public:
    ReceiveRoom() = default;
    ~ReceiveRoom();
    ReceiveRoom(const ReceiveRoom&) = delete;
    ReceiveRoom& operator=(const ReceiveRoom&) = delete;
    // At most `max` bytes to receive into; a fresh block of `block_size` when less than `least` is
    // left. Valid until the next call.
    MutBytes reserve(std::size_t max, std::size_t least, std::size_t block_size);
    Slice commit(std::size_t n);
    void drop() noexcept;  // the block is kept by its slices alone

private:
    Block* block_ = nullptr;
    std::size_t used_ = 0;
};

Endpoint endpoint_of(const sockaddr_storage& addr);

class SocketConnection final : public Connection, private EventSource {
public:
    // `fd` is connected and non-blocking. `room` belongs to the shard and is shared with its other
    // connections. `live` is counted down when the connection has gone; may be null.
    static Result<ConnectionPtr> make(Fd fd, const Endpoint& peer, ReceiveRoom& room,
                                      std::shared_ptr<std::atomic<int>> live);
    SocketConnection(Fd fd, Endpoint peer, ReceiveRoom& room,
                     std::shared_ptr<std::atomic<int>> live);
    ~SocketConnection() override;
    Result<std::size_t> read_some(IoBuf& in, std::size_t max, Deadline, fiber::StopToken) override;
    Result<void> write(OutBuf out, Deadline, fiber::StopToken) override;
    void shutdown_write() noexcept override;
    void abort() noexcept override;
    const Endpoint& peer() const noexcept override { return peer_; }
    const Endpoint& local() const noexcept override { return local_; }

private:
    struct Cursor;
    void on_events(std::uint32_t events) noexcept override;
    Result<std::size_t> receive(IoBuf& in, std::size_t max);
    Result<void> write_parts(Cursor& at, Deadline, fiber::StopToken);
    Result<std::size_t> send_memory(Cursor& at);
    Result<std::size_t> send_file(Cursor& at);
    bool peer_has_shut() const noexcept;

    Fd fd_;
    Endpoint peer_, local_;
    ReceiveRoom& shared_room_;
    ReceiveRoom own_room_;  // for the rest of a large frame
    std::shared_ptr<std::atomic<int>> live_;
    fiber::Waiter* reader_ = nullptr;
    fiber::Waiter* writer_ = nullptr;
    // What the last edges said: try the call, or park first.
    bool readable_ = true, writable_ = true, hung_up_ = false;
    bool at_end_ = false;      // the peer's orderly end was read
    bool write_shut_ = false;  // ours was sent
    bool write_broken_ = false;
    bool aborted_ = false;
    std::uint16_t reset_ = 0;  // errno of the reset that was seen
    // Since the reading fiber parked: calls, and bytes.
    unsigned turns_ = 0;
    std::size_t turn_bytes_ = 0;
};
}  // namespace faultline::posix
