// INV-94 answers-in-order: a broker answers the requests of a connection in their order, each once.
// A Produce with acks=0 has no answer.
#include <deque>
#include <set>

#include <fmt/format.h>

#include "sim/oracle/oracle.h"

namespace faultline::sim {
namespace {

class AnswersInOrder final : public Oracle {
public:
    explicit AnswersInOrder(Judge& judge) : Oracle(judge, 94, "answers-in-order") {}

    void on_sim(MonoTime at, const SimEvent& event) override {
        if (const auto* m = std::get_if<MessageSent>(&event)) {
            // No frame begins there, or one end is gone.
            if (m->correlation < 0 || m->api_key < 0 || closed_.contains(m->conn)) return;
            if (m->response) {
                answered(at, *m);
            } else {
                asked_[m->conn].push_back({m->correlation, m->api_key});
            }
        } else if (const auto* c = std::get_if<ConnClosed>(&event)) {
            asked_.erase(c->conn);
            closed_.insert(c->conn);  // the other end may go on for a while, to nobody
        }
    }

private:
    struct Asked {
        std::int32_t correlation;
        std::int16_t api;
    };
    void answered(MonoTime at, const MessageSent& m) {
        auto& queue = asked_[m.conn];
        ++premises_;
        constexpr std::int16_t kProduce = 0;
        while (!queue.empty() && queue.front().correlation != m.correlation &&
               queue.front().api == kProduce)
            queue.pop_front();
        if (!queue.empty() && queue.front().correlation == m.correlation) {
            queue.pop_front();
            return;
        }
        violate(at,
                queue.empty()
                    ? fmt::format(
                          "connection {} carried an answer to request {}, which nobody waits for",
                          m.conn, m.correlation)
                    : fmt::format("connection {} waits for the answer to request {}, but the "
                                  "answer to {} came first",
                                  m.conn, queue.front().correlation, m.correlation));
    }
    std::map<std::uint32_t, std::deque<Asked>> asked_;
    std::set<std::uint32_t> closed_;
};
}  // namespace

std::unique_ptr<Oracle> make_answers_in_order(Judge& judge, const Cast&) {
    return std::make_unique<AnswersInOrder>(judge);
}
}  // namespace faultline::sim
