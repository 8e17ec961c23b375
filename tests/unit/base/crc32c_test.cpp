#include "core/base/crc32c.h"

#include "core/base/random.h"
#include "tests/support/catch.h"

using namespace faultline;

TEST_CASE("crc32c: known answers, and the fast one equals the portable one", "[crc32c]") {
    CHECK(crc32c(as_bytes("123456789")) == 0xe3069283U);
    CHECK(crc32c(as_bytes("")) == 0U);
    Rng rng(1);
    std::string text;
    for (int i = 0; i < 300; ++i) {
        REQUIRE(crc32c(as_bytes(text)) == crc32c_portable(0, as_bytes(text)));
        const std::size_t cut = rng.below(text.size() + 1);
        const std::uint32_t head = crc32c(as_bytes(text.substr(0, cut)));
        REQUIRE(crc32c_extend(head, as_bytes(text.substr(cut))) == crc32c(as_bytes(text)));
        IoBuf parts = IoBuf::copy_of(as_bytes(text.substr(0, cut)));
        parts.append(Slice::copy_of(as_bytes(text.substr(cut))));
        REQUIRE(crc32c(parts, cut / 2) == crc32c(as_bytes(text.substr(cut / 2))));
        text += static_cast<char>(rng.next());
    }
}
