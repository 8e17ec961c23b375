#include "core/logic/controller/features.h"

#include "tests/support/catch.h"

namespace faultline::logic {
namespace {
using wire::KafkaError;

wire::UpdateFeaturesRequest request(std::string feature, std::int16_t level, std::int8_t type = 1) {
    wire::UpdateFeaturesRequest q;
    auto& u = q.feature_updates.emplace_back();
    u.feature = std::move(feature);
    u.max_version_level = level;
    u.upgrade_type = type;
    return q;
}

model::MetadataImage begun() {
    model::MetadataImage image;
    for (const auto& r : first_features()) image.apply(r);
    return image;
}
}  // namespace

TEST_CASE("features: a new cluster begins with levels that this version has") {
    const auto image = begun();
    CHECK(image.features.at("metadata.version") == kMetadataLevel);
    for (const auto& [name, level] : image.features) {
        const auto known = supported_features();
        const auto it = std::find_if(known.begin(), known.end(),
                                     [&](const FeatureRange& f) { return f.name == name; });
        REQUIRE(it != known.end());
        CHECK((level >= it->low && level <= it->high));
    }
}

TEST_CASE("features: what is as it should be needs no record") {
    const auto d = update_features(begun(), request("metadata.version", kMetadataLevel));
    CHECK(d.response.error_code == KafkaError::none);
    CHECK(d.records.empty());
    REQUIRE(d.response.results.size() == 1);
    CHECK(d.response.results[0].error_code == KafkaError::none);
}

TEST_CASE("features: a level is set once it is asked for, and not when it is only validated") {
    model::MetadataImage old;
    auto q = request("metadata.version", kMetadataLevel);
    auto d = update_features(old, q);
    REQUIRE(d.records.size() == 1);
    old.apply(d.records[0]);
    CHECK(old.features.at("metadata.version") == kMetadataLevel);
    q.validate_only = true;
    CHECK(update_features({}, q).records.empty());
}

TEST_CASE("features: an unknown one, an unknown level and a step back are refused") {
    const auto image = begun();
    for (const auto& q : {request("no.such", 1), request("metadata.version", kMetadataLevel + 1),
                          request("metadata.version", kMetadataLevel - 1, 3),
                          request("metadata.version", kMetadataLevel, 7)}) {
        const auto d = update_features(image, q);
        CHECK(d.response.error_code == KafkaError::invalid_update_version);
        CHECK(d.response.error_message.has_value());
        CHECK(d.records.empty());
    }
    const auto kraft = request("kraft.version", 0, 3).feature_updates[0];
    CHECK(!refuse_update(kraft, 1).empty());
    CHECK(refuse_update(request("kraft.version", 1).feature_updates[0], 0).empty());
    CHECK(refuse_update(request("kraft.version", 0).feature_updates[0], 0).empty());
    CHECK(!refuse_update(request("kraft.version", 0).feature_updates[0], 1).empty());
}
}  // namespace faultline::logic
