#include "core/logic/controller/features.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/text.h"

namespace faultline::logic {
namespace {
using wire::KafkaError;
using Update = wire::UpdateFeaturesRequest::FeatureUpdateKey;

constexpr std::string_view kElrVersion = "eligible.leader.replicas.version";
constexpr FeatureRange kSupported[] = {
    {kElrVersion, 1, 1},
    {kKraftVersion, 0, 1},
    {kMetadataVersion, kMetadataLevel, kMetadataLevel},
};
constexpr std::int8_t kUpgrade = 1, kUnsafeDowngrade = 3;  // UpgradeType

wire::FeatureLevelRecord level(std::string_view name, std::int16_t to) {
    wire::FeatureLevelRecord r;
    r.name = name;
    r.feature_level = to;
    return r;
}
}  // namespace

std::span<const FeatureRange> supported_features() { return kSupported; }

Records first_features() {
    return {level(kMetadataVersion, kMetadataLevel), level(kElrVersion, 1)};
}

std::string refuse_update(const Update& update, std::int16_t now) {
    const auto known = std::ranges::find(kSupported, update.feature, &FeatureRange::name);
    const std::int16_t to = update.max_version_level;
    if (known == std::end(kSupported))
        return fmt::format("{} is no feature of this cluster", excerpt(update.feature));
    if (to < known->low || to > known->high) {
        return fmt::format("{} cannot be {}: its levels are {} to {}", update.feature, to,
                           known->low, known->high);
    }
    if (update.upgrade_type < kUpgrade || update.upgrade_type > kUnsafeDowngrade)
        return fmt::format("{}: no such upgrade type: {}", update.feature, update.upgrade_type);
    if (to < now && update.upgrade_type == kUpgrade)
        return fmt::format("{} is {}: {} is a downgrade, which was not asked for", update.feature,
                           now, to);
    if (to > now && update.upgrade_type != kUpgrade)
        return fmt::format("{} is {}: {} is no downgrade", update.feature, now, to);
    if (to < now && update.feature == kKraftVersion)
        return fmt::format("{} cannot go back from {}", update.feature, now);
    return "";
}

Decision<wire::UpdateFeaturesResponse> update_features(const model::MetadataImage& image,
                                                       const wire::UpdateFeaturesRequest& request) {
    Decision<wire::UpdateFeaturesResponse> d;
    d.response.error_message.reset();
    for (const Update& update : request.feature_updates) {
        const auto it = image.features.find(update.feature);
        const std::int16_t now = it == image.features.end() ? std::int16_t{0} : it->second;
        const std::string why = refuse_update(update, now);
        auto& result = d.response.results.emplace_back();
        result.feature = update.feature;
        result.error_message.reset();
        if (!why.empty()) {
            result.error_code = KafkaError::invalid_update_version;
            result.error_message = why;
            d.response.error_code = KafkaError::invalid_update_version;
            d.response.error_message = why;
            d.records.clear();
            return d;
        }
        if (update.max_version_level != now)
            d.records.emplace_back(level(update.feature, update.max_version_level));
    }
    if (request.validate_only) d.records.clear();
    return d;
}
}  // namespace faultline::logic
