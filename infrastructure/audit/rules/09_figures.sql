-- R18 to R20: the figures of reports by day; a report is the sum over days.
--
-- `zones` holds the offsets of each app group's time zone from UTC, each from an instant up to but without another.
-- The clock 'both' marks figures that are the same under both clocks.

-- R20: a day is the calendar date in the group's time zone; days are counted from 1970-01-01.
CREATE TABLE figures AS
WITH counted AS (
    SELECT 'receipts' AS figure, app_group, campaign_id, variant_id, '' AS thing, 'both' AS clock,
        received_at AS occurred_at, CAST(1 AS DECIMAL(38, 6)) AS number
    FROM receipts
    UNION ALL
    SELECT 'receipts' AS figure, app_group, campaign_id, '' AS variant_id, '' AS thing, 'both' AS clock,
        received_at AS occurred_at, CAST(1 AS DECIMAL(38, 6)) AS number
    FROM receipts WHERE NOT control
    UNION ALL
    SELECT 'unique_recipients' AS figure, app_group, campaign_id, variant_id, '' AS thing, 'both' AS clock,
        received_at AS occurred_at, CAST(1 AS DECIMAL(38, 6)) AS number
    FROM judged_recipients
    UNION ALL
    SELECT 'conversions' AS figure, app_group, campaign_id, variant_id, CAST(conversion_event AS VARCHAR) AS thing,
        'conversion' AS clock, behaviour_at AS occurred_at, CAST(1 AS DECIMAL(38, 6)) AS number
    FROM judged_conversions
    UNION ALL
    SELECT 'conversions' AS figure, app_group, campaign_id, variant_id, CAST(conversion_event AS VARCHAR) AS thing,
        'receipt' AS clock, received_at AS occurred_at, CAST(1 AS DECIMAL(38, 6)) AS number
    FROM judged_conversions
    UNION ALL
    SELECT 'purchases' AS figure, app_group, campaign_id, variant_id, currency AS thing,
        'conversion' AS clock, purchased_at AS occurred_at, CAST(1 AS DECIMAL(38, 6)) AS number
    FROM judged_revenue
    UNION ALL
    SELECT 'purchases' AS figure, app_group, campaign_id, variant_id, currency AS thing,
        'receipt' AS clock, received_at AS occurred_at, CAST(1 AS DECIMAL(38, 6)) AS number
    FROM judged_revenue
    UNION ALL
    SELECT 'revenue' AS figure, app_group, campaign_id, variant_id, currency AS thing,
        'conversion' AS clock, purchased_at AS occurred_at, net AS number
    FROM judged_revenue
    UNION ALL
    SELECT 'revenue' AS figure, app_group, campaign_id, variant_id, currency AS thing,
        'receipt' AS clock, received_at AS occurred_at, net AS number
    FROM judged_revenue
)
SELECT
    counted.figure, counted.app_group, counted.campaign_id, counted.variant_id, counted.thing, counted.clock,
    CAST(floor((counted.occurred_at + zones.ahead) / 86400000000) AS BIGINT) AS day,
    CAST(sum(counted.number) AS DECIMAL(38, 6)) AS number
FROM counted
JOIN zones
    ON zones.app_group = counted.app_group AND counted.occurred_at >= zones.starts_at AND counted.occurred_at < zones.ends_at
GROUP BY counted.figure, counted.app_group, counted.campaign_id, counted.variant_id, counted.thing,
    counted.clock, CAST(floor((counted.occurred_at + zones.ahead) / 86400000000) AS BIGINT);
