//! A Socket.IO service that delivers each message at its moment.
