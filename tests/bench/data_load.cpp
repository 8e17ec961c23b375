#include "tests/bench/data_load.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <semaphore>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "core/base/random.h"
#include "core/wire/frame.h"
#include "core/wire/reader.h"
#include "core/wire/record_batch.h"
#include "gen/wire/create_topics_request.h"
#include "gen/wire/create_topics_response.h"
#include "gen/wire/fetch_request.h"
#include "gen/wire/fetch_response.h"
#include "gen/wire/produce_request.h"
#include "gen/wire/produce_response.h"

namespace faultline::bench {
namespace {
using Clock = std::chrono::steady_clock;
constexpr wire::Version kProduce{9}, kFetch{11}, kCreate{7};

[[noreturn]] void die(const std::string& why) {
    std::fprintf(stderr, "data_bench: %s\n", why.c_str());
    std::exit(2);
}

class Socket {
public:
    explicit Socket(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
            die(std::string("cannot connect: ") + std::strerror(errno));
        const int on = 1;
        (void)::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    ~Socket() { ::close(fd_); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    void send(Bytes data) {
        while (!data.empty()) {
            const ssize_t n = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
            if (n <= 0) die("the broker closed the connection");
            data = data.subspan(static_cast<std::size_t>(n));
        }
    }
    // The next frame without its length; shares a buffer that the next call overwrites.
    Bytes receive() {
        std::array<std::byte, 4> prefix;
        fill(prefix);
        std::size_t size = 0;
        for (const std::byte b : prefix) size = size << 8 | std::to_integer<std::size_t>(b);
        if (frame_.size() < size) frame_.resize(size);
        fill({frame_.data(), size});
        return {frame_.data(), size};
    }

private:
    void fill(MutBytes to) {
        while (!to.empty()) {
            const ssize_t n = ::recv(fd_, to.data(), to.size(), 0);
            if (n <= 0) die("the broker closed the connection");
            to = to.subspan(static_cast<std::size_t>(n));
        }
    }
    int fd_;
    std::vector<std::byte> frame_;
};

template <class Request>
Slice frame_of(const Request& request, wire::Version version) {
    auto made = wire::make_request_frame(version, 1, "data_bench", request);
    if (!made.ok()) die(made.error().where);
    return (*made).to_iobuf().coalesce_copy();
}

template <class Response>
Response answer_in(Bytes frame, wire::Version version) {
    const IoBuf copy = IoBuf::copy_of(frame);
    auto parsed = wire::parse_response_frame(copy, Response::key, version);
    if (!parsed.ok()) die("an answer's header cannot be read");
    wire::Reader in((*parsed).body);
    Response response;
    response.decode(in, version);
    if (!in.ok()) die(std::string("an answer cannot be read: ") + in.error());
    return response;
}

void check(wire::KafkaError error, const char* what) {
    if (error != wire::KafkaError::none)
        die(std::string(what) + " answered error " + std::to_string(static_cast<int>(error)));
}

void check_produced(Bytes frame) {
    const auto response = answer_in<wire::ProduceResponse>(frame, kProduce);
    check(response.responses.at(0).partition_responses.at(0).error_code, "Produce");
}

IoBuf make_batch(const ProduceLoad& load) {
    constexpr std::size_t kRecordOverhead = 24;
    Rng rng(42);
    wire::BatchBuilder builder;
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    std::string value(load.record, 'x');
    while (load.count > 0 ? builder.count() < load.count
                          : builder.size() + load.record + kRecordOverhead < load.batch) {
        // Half of each value is random letters, so that codecs have something to do and to leave.
        for (std::size_t i = 0; i < value.size() / 2; ++i)
            value[i] = static_cast<char>('a' + rng.below(26));
        builder.add(now.count(), std::nullopt, as_bytes(value));
    }
    return builder.finish(load.codec);
}

struct Made {
    Slice frame;
    std::size_t batch;
};
Made make_produce(const std::string& topic, const ProduceLoad& load) {
    const IoBuf batch = make_batch(load);
    wire::ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 30'000;
    request.topic_data.emplace_back();
    request.topic_data[0].name = topic;
    request.topic_data[0].partition_data.emplace_back();
    request.topic_data[0].partition_data[0].records = batch;
    return {frame_of(request, kProduce), batch.size()};
}

std::int64_t ns(Clock::duration d) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(d).count();
}

// Sends `count` frames, each at the moment that `when` gives it and not before `may_send` returned;
// latency is from that moment.
template <class When, class MaySend, class Answered>
Outcome exchange(std::uint16_t port, const Made& made, std::uint64_t count, When when,
                 MaySend may_send, Answered answered) {
    Socket socket(port);
    Outcome out;
    std::vector<Clock::time_point> sent(count);
    const auto start = Clock::now();
    std::counting_semaphore<> under_way{0};
    std::thread receiver([&] {
        for (std::uint64_t i = 0; i < count; ++i) {
            under_way.acquire();
            check_produced(socket.receive());
            out.latency.add(ns(Clock::now() - sent[i]));
            answered();
        }
    });
    for (std::uint64_t i = 0; i < count; ++i) {
        may_send();
        sent[i] = when(start, i);
        std::this_thread::sleep_until(sent[i]);
        under_way.release();
        socket.send(made.frame.bytes());
    }
    receiver.join();
    out.requests = count;
    out.bytes = count * made.batch;
    out.seconds = static_cast<double>(ns(Clock::now() - start)) / 1e9;
    return out;
}
}  // namespace

void DataLoad::create_topic(const std::string& topic) const {
    wire::CreateTopicsRequest request;
    request.timeout_ms = 30'000;
    request.topics.emplace_back();
    request.topics[0].name = topic;
    request.topics[0].num_partitions = 1;
    request.topics[0].replication_factor = 1;
    Socket socket(port_);
    socket.send(frame_of(request, kCreate).bytes());
    const auto response = answer_in<wire::CreateTopicsResponse>(socket.receive(), kCreate);
    check(response.topics.at(0).error_code, "CreateTopics");
}

Outcome DataLoad::produce(const std::string& topic, const ProduceLoad& load, std::uint64_t bytes,
                          int depth) const {
    const Made made = make_produce(topic, load);
    std::counting_semaphore<> places{depth};
    return exchange(
        port_, made, bytes / made.batch + 1,
        [](Clock::time_point, std::uint64_t) { return Clock::now(); }, [&] { places.acquire(); },
        [&] { places.release(); });
}

Outcome DataLoad::produce_at_rate(const std::string& topic, const ProduceLoad& load, int per_second,
                                  std::chrono::milliseconds time) const {
    const Made made = make_produce(topic, load);
    const auto count = static_cast<std::uint64_t>(time.count() * per_second / 1000);
    return exchange(
        port_, made, count,
        [per_second](Clock::time_point start, std::uint64_t i) {
            return start + std::chrono::milliseconds(20) +
                   std::chrono::nanoseconds(1'000'000'000 / per_second * i);
        },
        [] {}, [] {});
}

Outcome DataLoad::fetch(const std::string& topic, std::int32_t max_bytes,
                        std::uint64_t bytes) const {
    Socket socket(port_);
    Outcome out;
    std::int64_t offset = 0;
    const auto start = Clock::now();
    while (out.bytes < bytes) {
        wire::FetchRequest request;
        request.max_wait_ms = 500;
        request.min_bytes = 1;
        request.max_bytes = 4 * max_bytes;
        request.topics.emplace_back();
        request.topics[0].topic = topic;
        request.topics[0].partitions.emplace_back();
        request.topics[0].partitions[0].fetch_offset = offset;
        request.topics[0].partitions[0].partition_max_bytes = max_bytes;
        const auto sent = Clock::now();
        socket.send(frame_of(request, kFetch).bytes());
        const auto response = answer_in<wire::FetchResponse>(socket.receive(), kFetch);
        out.latency.add(ns(Clock::now() - sent));
        check(response.error_code, "Fetch");
        const auto& data = response.responses.at(0).partitions.at(0);
        check(data.error_code, "Fetch");
        ++out.requests;
        if (data.records.is_null() || data.records.size() == 0) die("Fetch found no more records");
        for (const IoBuf& batch : wire::split_batches(data.records.bytes())) {
            std::array<std::byte, wire::kBatchHeader> head;
            batch.copy_out(0, head);
            offset = wire::parse_batch_header(head).last_offset() + 1;
            out.bytes += batch.size();
        }
    }
    out.seconds = static_cast<double>(ns(Clock::now() - start)) / 1e9;
    return out;
}
}  // namespace faultline::bench
