-- What ClickHouse's image runs at its first start; KATO never makes its tables itself.
CREATE DATABASE IF NOT EXISTS kato;

USE kato;

/* One row for each learned pattern; a node's patterns are a partition. */
CREATE TABLE IF NOT EXISTS patterns_data
(
    kb_id String,
    name String,                       -- SHA-1 of the pattern; in hexadecimal
    pattern_data Array(Array(String)),
    length UInt32,
    token_set Array(String),
    token_count UInt32,
    minhash_sig Array(UInt32),
    lsh_bands Array(UInt64),
    first_token String,
    last_token String,
    created_at DateTime DEFAULT now(),
    updated_at DateTime DEFAULT now(),
    INDEX idx_length length TYPE minmax GRANULARITY 4,
    INDEX idx_token_bloom token_set TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX idx_token_count token_count TYPE minmax GRANULARITY 4
)
ENGINE = MergeTree()
PARTITION BY kb_id
ORDER BY (kb_id, length, name)
SETTINGS index_granularity = 8192;

-- Both are made and never written.
CREATE TABLE IF NOT EXISTS kato.lsh_buckets
(
    kb_id String,
    band_index UInt8,
    band_hash UInt64,
    pattern_name String
)
ENGINE = MergeTree()
ORDER BY (kb_id, band_index, band_hash);

CREATE TABLE IF NOT EXISTS kato.pattern_stats
(
    kb_id String,
    pattern_count UInt64,
    updated_at DateTime DEFAULT now()
)
ENGINE = ReplacingMergeTree(updated_at)
ORDER BY kb_id
COMMENT 'filled by nobody; kept as it is';
