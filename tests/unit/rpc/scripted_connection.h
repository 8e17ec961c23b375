// A Connection whose reads follow a script, for the readers of frames.
#pragma once
#include <deque>
#include <string>

#include "core/env/net.h"

namespace faultline::test {
class ScriptedConnection final : public Connection {
public:
    struct Step {
        std::string bytes;           // handed out by one or more reads
        std::optional<Error> error;  // or this, once
    };
    void feed(std::string bytes) { steps_.push_back({std::move(bytes), {}}); }
    void fail(Errc code) { steps_.push_back({"", Error{code, 0, "script"}}); }

    Result<std::size_t> read_some(IoBuf& in, std::size_t max, Deadline, fiber::StopToken) override {
        ++reads;
        largest_read = std::max(largest_read, max);
        if (steps_.empty()) return Error{Errc::closed, 0, "script"};
        Step& step = steps_.front();
        if (step.error) {
            const Error e = *step.error;
            steps_.pop_front();
            return e;
        }
        const std::size_t n = std::min(max, step.bytes.size());
        in.append(Slice::copy_of(as_bytes(std::string_view(step.bytes).substr(0, n))));
        step.bytes.erase(0, n);
        if (step.bytes.empty()) steps_.pop_front();
        return n;
    }
    Result<void> write(OutBuf, Deadline, fiber::StopToken) override {
        return Error{Errc::closed, 0, "script"};
    }
    void shutdown_write() noexcept override {}
    void abort() noexcept override {}
    const Endpoint& peer() const noexcept override { return peer_; }
    const Endpoint& local() const noexcept override { return peer_; }

    int reads = 0;
    std::size_t largest_read = 0;

private:
    std::deque<Step> steps_;
    Endpoint peer_{"script", 1};
};
}  // namespace faultline::test
