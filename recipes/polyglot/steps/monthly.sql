SELECT month(date) AS month, round(avg(temp_max), 2) AS warmest, round(sum(precipitation), 1) AS rain
FROM weather
GROUP BY month
ORDER BY month;
