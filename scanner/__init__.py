"""Paper to registered page: intake, decoding, registration, barcodes; and the paper simulator."""
