"""The S3 protocol of the embedded object store, one module a subject; `penstock.http.objects` is the way in."""
