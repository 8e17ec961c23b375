#include "sim/workload/payload.h"

#include "tests/support/catch.h"

using namespace faultline;
using namespace faultline::sim;

TEST_CASE("payload: tells who wrote it, and any damage shows", "[workload]") {
    for (const std::size_t size : {std::size_t{40}, std::size_t{47}, std::size_t{200}}) {
        const Payload payload{.client = 3, .record = 123456789, .run = 7};
        const std::string text = make_payload(payload, size);
        REQUIRE(text.size() == size);
        REQUIRE(read_payload(as_bytes(text)) == payload);
        for (std::size_t bit = 0; bit < size * 8; ++bit) {
            std::string damaged = text;
            damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
            REQUIRE_FALSE(read_payload(as_bytes(damaged)).has_value());
        }
        for (std::size_t n = 0; n < size; ++n) {
            REQUIRE_FALSE(read_payload(as_bytes(text.substr(0, n))).has_value());
        }
    }
}
