// Whole frames as Kafka's own classes write them, and what real clients need of the table of APIs
// (shared/reference/client-traps.md; the traps that concern handlers are tested with the broker).
#include <nlohmann/json.hpp>

#include "core/wire/frame.h"
#include "gen/wire/api_versions_request.h"
#include "gen/wire/api_versions_response.h"
#include "gen/wire/errors.h"
#include "gen/wire/produce_request.h"
#include "tests/support/catch.h"
#include "tests/support/gz_lines.h"
#include "tests/unit/wire/message_holder.h"

using namespace faultline;
using namespace faultline::wire;
using faultline::test::Holder;
using Json = nlohmann::json;

namespace {

IoBuf buffer(const std::string& bytes) { return IoBuf::copy_of(as_bytes(bytes)); }

std::string hex_of(const Result<Encoded>& frame) {
    return frame.ok() ? test::to_hex((*frame).to_iobuf().copy_string()) : to_string(frame.error());
}

void check_body(const IoBuf& body, Version version, const Holder& h, const Json& expected) {
    Reader in(body);
    decode_message(in, version, h.info, h.message);
    REQUIRE(in.ok());
    REQUIRE(in.remaining() == 0);
    REQUIRE(Json::parse(print_message(version, h.info, h.message, {.verbatim = true})) == expected);
}

void check_frame(const Json& v) {
    const std::string bytes = test::from_hex(v["hex"]);
    const IoBuf whole = buffer(bytes);
    const IoBuf frame = whole.sub(4, whole.size() - 4);
    const ApiInfo* api = find_api(v["apiKey"].get<std::int16_t>());
    REQUIRE(api != nullptr);
    REQUIRE(api->name == v["api"].get<std::string>());
    const Version version{v["version"].get<std::int16_t>()};
    const auto header_version = v["headerVersion"].get<std::int16_t>();
    const auto correlation = v["header"]["correlationId"].get<std::int32_t>();
    // Unknown tags of a header are read over, not kept: nobody would write them back.
    const bool writes = v["case"] != "header-tags";
    if (v["kind"] == "request") {
        REQUIRE(request_header_version(api->key, version) == header_version);
        const auto request = parse_request_frame(frame);
        REQUIRE(request.ok());
        REQUIRE((*request).api == api->key);
        REQUIRE((*request).version == version);
        REQUIRE((*request).known_version);
        REQUIRE((*request).correlation_id == correlation);
        const auto& client = v["header"]["clientId"];
        REQUIRE((*request).client_id.has_value() == !client.is_null());
        if (!client.is_null()) REQUIRE(*(*request).client_id == client.get<std::string>());
        const Holder h(api->request());
        check_body((*request).body, version, h, v["json"]);
        const RequestHead head{api->key, version, correlation, (*request).client_id};
        const std::string hex = v["hex"];
        if (writes) REQUIRE(hex_of(make_request_frame(head, h.info, h.message)) == hex);
        const std::size_t header_size = frame.size() - (*request).body.size();
        for (std::size_t n = 0; n < header_size; ++n) {
            REQUIRE(parse_request_frame(frame.sub(0, n)).code() == Errc::corrupt);
        }
    } else {
        REQUIRE(response_header_version(api->key, version) == header_version);
        const auto response = parse_response_frame(frame, api->key, version);
        REQUIRE(response.ok());
        REQUIRE((*response).correlation_id == correlation);
        const auto peeked = peek_correlation_id(frame);
        REQUIRE(*peeked == correlation);
        const Holder h(api->response());
        check_body((*response).body, version, h, v["json"]);
        if (writes) {
            const std::string hex = v["hex"];
            const auto made =
                make_response_frame(api->key, version, correlation, h.info, h.message);
            REQUIRE(hex_of(made) == hex);
        }
    }
}

VersionRange advertised(const char* name) {
    for (const ApiInfo& a : all_apis()) {
        if (a.name == name) return a.broker;
    }
    return {};
}
}  // namespace

TEST_CASE("frames: read and written as Kafka does", "[frame]") {
    const auto lines = test::gz_lines(FL_GOLDEN "/frames.jsonl.gz");
    REQUIRE(lines.has_value());
    for (const std::string& line : *lines) {
        const Json v = Json::parse(line);
        CAPTURE(line.substr(0, 300));
        check_frame(v);
    }
    CHECK(lines->size() > 780);
}

TEST_CASE("frames: the table of APIs is what Kafka advertises", "[frame]") {
    const auto lines = test::gz_lines(FL_GOLDEN "/frames.jsonl.gz");
    REQUIRE(lines.has_value());
    int compared = 0;
    for (const std::string& line : *lines) {
        const Json v = Json::parse(line);
        const std::string name = v["case"];
        if (!name.starts_with("advertised-")) continue;
        Json ours = Json::array();
        for (const ApiInfo& a : all_apis()) {
            const VersionRange r = name == "advertised-broker" ? a.broker : a.controller;
            if (r.empty()) continue;
            ours.push_back({{"apiKey", static_cast<std::int16_t>(a.key)},
                            {"minVersion", r.low},
                            {"maxVersion", r.high}});
        }
        CHECK(ours == v["json"]["apiKeys"]);
        ++compared;
    }
    CHECK(compared == 10);
}

TEST_CASE("traps: ranges that old clients look at", "[frame][traps]") {
    // librdkafka before 2.11.1 drops compression without Produce 0, SASL without SaslHandshake 0,
    // and groups without JoinGroup 0.
    CHECK(advertised("Produce") == VersionRange{0, 13});
    CHECK(advertised("SaslHandshake") == VersionRange{0, 1});
    CHECK(advertised("JoinGroup") == VersionRange{0, 9});
    CHECK(advertised("ListOffsets") == VersionRange{1, 11});
    // kafka-python takes these for Kafka 4.3.
    CHECK(advertised("DescribeLogDirs") == VersionRange{1, 5});
    // The newest version of InitProducerId is not stable, so it is not advertised.
    CHECK(advertised("InitProducerId") == VersionRange{0, 5});
    CHECK(api_info(ApiKey::init_producer_id).valid == VersionRange{0, 6});
    // librdkafka asks for exactly these.
    CHECK(advertised("ConsumerGroupHeartbeat").contains({1}));
    CHECK(advertised("ShareFetch").contains({1}));
    CHECK(advertised("OffsetForLeaderEpoch").contains({2}));
}

TEST_CASE("traps: Produce 0 to 2 is advertised and still refused", "[frame][traps]") {
    CHECK(api_info(ApiKey::produce).valid == VersionRange{3, 13});
    const auto frame =
        parse_request_frame(buffer(test::from_hex("000000020000000100017800000000")));
    REQUIRE(frame.ok());
    CHECK_FALSE((*frame).known_version);
    Reader in((*frame).body);
    ProduceRequest request;
    request.decode(in, (*frame).version);
    CHECK_FALSE(in.ok());
}

TEST_CASE("traps: an ApiVersions request of the future can be answered", "[frame][traps]") {
    // Version 99, with tags in the header and a body that nobody here can read.
    const auto frame =
        parse_request_frame(buffer(test::from_hex("00120063000000070003616263016401ffdeadbeef")));
    REQUIRE(frame.ok());
    CHECK((*frame).api == ApiKey::api_versions);
    CHECK((*frame).version == Version{99});
    CHECK((*frame).correlation_id == 7);
    CHECK((*frame).client_id == "abc");
    CHECK_FALSE((*frame).known_version);
    // The answer's header is version 0 at every version, else old clients could not read it.
    for (std::int16_t v = 0; v <= 4; ++v) {
        CHECK(response_header_version(ApiKey::api_versions, {v}) == 0);
    }
}

TEST_CASE("frames: an unknown API, no header, a null client id", "[frame]") {
    // ShareGroupDescribe has no version 0; its header is read all the same.
    const auto old = parse_request_frame(buffer(test::from_hex("004d00000000000100017800")));
    REQUIRE(old.ok());
    CHECK_FALSE((*old).known_version);
    CHECK(parse_request_frame(buffer(test::from_hex("7fff0000000000010001780000"))).code() ==
          Errc::invalid);
    for (const char* removed : {"0004", "0005", "0006", "0007"}) {
        CAPTURE(removed);
        CHECK(parse_request_frame(buffer(test::from_hex(removed + std::string("000000000001ffff"))))
                  .code() == Errc::invalid);
    }
    CHECK(parse_request_frame({}).code() == Errc::corrupt);
    const auto null_id = parse_request_frame(buffer(test::from_hex("0012000000000001ffff")));
    REQUIRE(null_id.ok());
    CHECK_FALSE((*null_id).client_id.has_value());
    CHECK((*null_id).body.empty());
}
