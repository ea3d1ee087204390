// Code generated from services/managair/internal/inventory by tools/dev/generate.sh. DO NOT EDIT.
// What the fields of forms may hold, by the names of the API; each can be spread over a Field.

export const address = {
  street1: { required: true, maxlength: 50 },
  street2: { maxlength: 50 },
  zip: { required: true, maxlength: 5 },
  city: { required: true, maxlength: 50 },
  latitude: { min: -90, max: 90, step: 0.000001 },
  longitude: { min: -180, max: 180, step: 0.000001 },
};

export const alertRule = {
  name: { required: true, maxlength: 100 },
  quantity: { maxlength: 30 },
  threshold: { min: -50, max: 10000, step: 0.1 },
  hysteresis: { min: 0, max: 5000, step: 0.1 },
  for_s: { min: 0, max: 86400, step: 1 },
  remind_after_s: { min: 900, max: 2592000, step: 1 },
  quiet_from: { maxlength: 5 },
  quiet_to: { maxlength: 5 },
  time_zone: { required: true, maxlength: 64 },
};

export const calibration = {
  offset_ppm: { min: -10000, max: 10000, step: 1 },
  description: { maxlength: 20000 },
};

export const installation = {
  description: { maxlength: 20000 },
};

export const node = {
  eui64: { required: true, maxlength: 32 },
  alias: { required: true, maxlength: 100 },
  description: { maxlength: 20000 },
  expected_interval_s: { min: 60, max: 604800, step: 1 },
  id: { maxlength: 36 },
};

export const nodeModel = {
  name: { required: true, maxlength: 30 },
  trade_name: { required: true, maxlength: 30 },
  manufacturer: { required: true, maxlength: 30 },
  sensor_type: { required: true, maxlength: 100 },
};

export const nodeProtocol = {
  identifier: { required: true, maxlength: 30 },
  num_uplink_msgs: { required: true, min: 0, max: 2147483647, step: 1 },
  num_downlink_msgs: { required: true, min: 0, max: 2147483647, step: 1 },
};

export const organization = {
  name: { required: true, maxlength: 50 },
  description: { maxlength: 20000 },
};

export const quantity = {
  quantity: { required: true, maxlength: 30 },
  base_unit: { required: true, maxlength: 30 },
};

export const room = {
  name: { required: true, maxlength: 50 },
  description: { maxlength: 20000 },
  size_sqm: { min: 0, max: 9999.9, step: 0.1 },
  height_m: { min: 0, max: 99.9, step: 0.1 },
  max_occupancy: { min: 0, max: 2147483647, step: 1 },
};

export const site = {
  name: { required: true, maxlength: 50 },
  description: { maxlength: 20000 },
  time_zone: { required: true, maxlength: 64 },
};

export const claimCode = { maxlength: 40 };

export const tokenName = { required: true, maxlength: 100 };

export const exceptionName = { maxlength: 100 };

export const calendarUrl = { maxlength: 500 };

/** What is above, no sensor can measure. */
export const GREATEST_CO2_PPM = 10000;
